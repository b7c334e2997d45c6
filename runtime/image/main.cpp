#include <sys/auxv.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "installer/base/error.hpp"
#include "runtime/image/local_tree.hpp"
#include "runtime/image/serve.hpp"
#include "runtime/image/starter.hpp"

// envimage: stands as every bin/NAME of a release in image form. It makes the release's tree
// reachable on this node and becomes TREE/bin/NAME: from then on everything is as in a tree.

namespace eb::image {
namespace {

constexpr int kCannotStart = 126;  // as the launcher and every shell
constexpr int kMissing = 127;

constexpr char kHelp[] = R"(envimage makes a release in image form usable on this node.

usage: envimage --root             print the folder in which the whole tree can be seen here
       envimage --exec PATH ...    start the program at PATH of the tree, for example bin/python;
                                   with an absolute path one of the node, which can see the tree
       envimage --unmount          end the mount of this release on this node, unless it is used

ENVIMAGE_MODE=mount|fusermount|namespace|unpack allows only this way, ENVIMAGE_DIR=DIR is the first
folder to be tried, ENVIMAGE_IDLE=SECONDS when an unused mount ends (300), ENVIMAGE_VERBOSE=1 says
what is done.
)";

bool is_verbose() { return variable("ENVIMAGE_VERBOSE").value_or("0") == "1"; }

Root reach(const Place& place) {
  std::string why_mount;
  const std::string mode = variable("ENVIMAGE_MODE").value_or("");
  if (mode != "unpack") {
    Root root = reach_mount(place, &why_mount);
    if (!root.path.empty()) return root;
    if (is_verbose()) std::cerr << "envimage: no mount" << why_mount << "\n" << std::flush;
  }
  std::string why_tree;
  if (mode.empty() || mode == "unpack") {
    std::string tree = reach_local_tree(place, &why_tree);
    if (!tree.empty()) return {std::move(tree), {}};
  }
  // Each reason begins with "; ".
  const auto reasons = [](const std::string& why) {
    return why.empty() ? "not tried" : why.substr(2);
  };
  throw Error(ExitCode::kUnsupportedFs, "the image cannot be used on this node")
      .where(place.image())
      .why("mounting it: " + reasons(why_mount) + "; unpacking it: " + reasons(why_tree))
      .hint("give a folder on a local disk with enough space: TMPDIR=DIR")
      .hint("or install the bundle without --as-image");
}

// TREE/bin/NAME stands for the program by whatever name it was called. A link that leads into the
// tree (a virtual environment's) is passed on, and so is a name of somebody else's (exec -a).
std::string argument_zero(const Place& place, const std::string& program, const char* given) {
  if (given == nullptr || *given == '\0') return program;
  std::string text = given;
  const size_t slash = text.rfind('/');
  std::error_code error;
  if (slash != std::string::npos &&
      text.substr(0, slash) != program.substr(0, program.rfind('/')) &&
      std::filesystem::equivalent(text, program, error)) {
    return text;
  }
  const std::string last = slash == std::string::npos ? text : text.substr(slash + 1);
  return last == place.name.substr(place.name.rfind('/') + 1) ? program : text;
}

[[noreturn]] void start(const Root& root, const std::string& name, std::string zero, char** argv) {
  const std::string program = root.path + "/" + name;
  if (is_verbose()) std::cerr << "envimage: " << program << "\n" << std::flush;
  argv[0] = zero.data();
  ::execve(program.c_str(), argv, environ);
  throw system_error(errno, "cannot start the program", program);
}

int run(int argc, char** argv) {
  if (argc == 6 && std::strcmp(argv[1], "--serve") == 0) {
    ServeOrder order{.way = Way::kFusermount, .image = argv[3], .point = argv[4]};
    for (const Way way : {Way::kDirect, Way::kNamespace}) {
      if (std::strcmp(argv[2], way_name(way)) == 0) order.way = way;
    }
    std::from_chars(argv[5], argv[5] + std::strlen(argv[5]), order.idle_seconds);
    return serve(order);
  }
  const Place place = find_place(argv[0]);
  if (!place.is_command()) {
    const Root root = reach(place);
    start(root, place.name, argument_zero(place, root.path + "/" + place.name, argv[0]), argv);
  }
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "--root" && argc == 2) {
    std::cout << reach(place).path << "\n";
    return 0;
  }
  if (command == "--exec" && argc > 2) {
    const Root root = reach(place);
    // A program of the node, to look at the tree from where it can be seen.
    if (argv[2][0] == '/') start({}, argv[2] + 1, argv[2], argv + 2);
    start(root, argv[2], root.path + "/" + argv[2], argv + 2);
  }
  if (command == "--unmount" && argc == 2) {
    if (release_mount(place)) return 0;
    throw Error(ExitCode::kBusy, "the mount is in use").where(place.release);
  }
  std::cout << kHelp;
  return command == "--help" ? 0 : static_cast<int>(ExitCode::kUsage);
}

}  // namespace
}  // namespace eb::image

int main(int argc, char** argv) {
  try {
    return eb::image::run(argc, argv);
  } catch (const eb::Error& error) {
    std::cerr << eb::render_error("envimage", error) << std::flush;
    return error.code() == eb::ExitCode::kIo ? eb::image::kMissing : eb::image::kCannotStart;
  } catch (const std::exception& error) {
    std::cerr << "envimage: error: " << error.what() << "\n" << std::flush;
    return eb::image::kCannotStart;
  }
}
