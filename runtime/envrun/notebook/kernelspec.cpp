#include "runtime/envrun/notebook/kernelspec.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kLargestFile = 1 << 20;
constexpr const char* kOwnKey = "envbundle";  // in the metadata of a kernelspec of ours
constexpr std::array kLogos = {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"};

// jupyter_client takes letters, digits and ._- for a name, and lower case is what it looks up.
void check_name(const std::string& name) {
  const auto is_good = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.starts_with('.') || !std::ranges::all_of(name, is_good)) {
    throw Error(ExitCode::kUsage, "a kernel cannot be called so")
        .where(name)
        .hint("use lower-case letters, digits, '.', '_' and '-'");
  }
}

std::string kernels_directory(const World& world, const KernelspecOptions& options) {
  if (!options.prefix.empty()) return options.prefix + "/share/jupyter/kernels";
  std::string data = world.variables.get("JUPYTER_DATA_DIR");
  if (!data.empty()) return data + "/kernels";
  data = world.variables.get("XDG_DATA_HOME");
  if (data.empty()) {
    const std::string home = world.variables.get("HOME");
    if (home.empty()) {
      throw Error(ExitCode::kUsage, "HOME is not set").hint("name a place with --prefix DIR");
    }
    data = home + "/.local/share";
  }
  return data + "/jupyter/kernels";
}

void make_directories(World& world, const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    struct stat info {};
    if (world.sys.fstatat(AT_FDCWD, part.c_str(), &info, 0) != 0) {
      const int made = world.sys.mkdirat(AT_FDCWD, part.c_str(), 0777);
      if (made < 0) throw system_error(-made, "cannot make a directory", part);
    }
    if (at == std::string::npos) return;
  }
}

enum class Found { kNothing, kOurs, kForeign };

Found look_at(World& world, const std::string& directory) {
  struct stat info {};
  const int result = world.sys.fstatat(AT_FDCWD, directory.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  if (result == -ENOENT || result == -ENOTDIR) return Found::kNothing;
  try {
    const std::string path = directory + "/kernel.json";
    const auto bytes = read_file_at(world.sys, AT_FDCWD, path.c_str(), kLargestFile, path);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const auto json = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
    const bool ours = json.is_object() && json.contains("metadata") &&
                      json["metadata"].is_object() && json["metadata"].contains(kOwnKey);
    return ours ? Found::kOurs : Found::kForeign;
  } catch (const Error&) {
    return Found::kForeign;
  }
}

void put_file(World& world, const std::string& directory, const std::string& name, Bytes data) {
  const Fd opened = open_dir_at(world.sys, AT_FDCWD, directory.c_str(), directory);
  const std::string temporary = "." + name + ".new";
  world.sys.unlinkat(opened.get(), temporary.c_str(), 0);  // of a run that was cut off
  replace_file_at(world.sys, opened.get(), name.c_str(), temporary.c_str(), data, 0644,
                  directory + "/" + name);
}

int write_kernelspec(Session& session, const std::string& directory, const std::string& text) {
  World& world = session.world;
  make_directories(world, directory);
  for (const char* logo : kLogos) {
    const std::string from = session.place.at(std::string("share/jupyter/kernels/python3/") + logo);
    if (world.sys.faccessat(AT_FDCWD, from.c_str(), R_OK) != 0) continue;
    put_file(world, directory, logo,
             read_file_at(world.sys, AT_FDCWD, from.c_str(), kLargestFile, from));
  }
  put_file(world, directory, "kernel.json", std::as_bytes(std::span(text.data(), text.size())));
  world.out << directory << "\n";
  return 0;
}

int remove_kernelspec(World& world, const std::string& directory) {
  // Only what write_kernelspec() wrote; a directory that then holds more stays.
  for (const char* logo : kLogos) {
    world.sys.unlinkat(AT_FDCWD, (directory + "/" + logo).c_str(), 0);
  }
  const std::string json = directory + "/kernel.json";
  if (const int gone = world.sys.unlinkat(AT_FDCWD, json.c_str(), 0); gone < 0) {
    throw system_error(-gone, "cannot remove the kernel", json);
  }
  world.sys.unlinkat(AT_FDCWD, directory.c_str(), AT_REMOVEDIR);
  world.out << directory << "\n";
  return 0;
}

int run_kernelspec(Session& session, const KernelspecOptions& options) {
  World& world = session.world;
  const std::string bundle = bundle_name(session.place.release_name);
  std::string name = options.name.empty() ? "envbundle-" + bundle : options.name;
  if (options.name.empty()) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    });
  }
  check_name(name);
  const std::string text =
      kernel_json(session, options.display_name.empty() ? bundle : options.display_name);
  if (options.print) {
    world.out << text;
    return 0;
  }
  if (options.user == !options.prefix.empty()) {
    throw Error(ExitCode::kUsage, "say where the kernel shall be registered")
        .hint("--user: for you, in ~/.local/share/jupyter")
        .hint("--prefix DIR: for all users of the Jupyter that is installed in DIR");
  }
  const std::string directory = kernels_directory(world, options) + "/" + name;
  const Found found = look_at(world, directory);
  if (options.remove && found == Found::kNothing) {
    tell(world, "there is no kernel " + name);
    return 0;
  }
  if (found == Found::kForeign) {
    throw Error(ExitCode::kConflict, "another kernel has this name; it is left as it is")
        .where(directory)
        .hint("choose another one with --name");
  }
  return options.remove ? remove_kernelspec(world, directory)
                        : write_kernelspec(session, directory, text);
}

}  // namespace

std::string kernel_json(const Session& session, const std::string& display_name) {
  nlohmann::ordered_json arguments = {session.place.lasting_root() + "/bin/envrun"};
  const LimitOptions& limits = session.limits;
  for (const auto& [option, value] : {std::pair{"--gpus", limits.gpus},
                                      {"--memory", limits.memory},
                                      {"--shm-size", limits.shm_size},
                                      {"--cpus", limits.cpus}}) {
    if (value.empty()) continue;
    arguments.push_back(option);
    arguments.push_back(value);
  }
  // ipykernel's own kernelspec turns frozen modules off too, for the debugger.
  for (const char* each : {"run", "python", "-X", "frozen_modules=off", "-m", "ipykernel_launcher",
                           "-f", "{connection_file}"}) {
    arguments.push_back(each);
  }
  const nlohmann::ordered_json out = {
      {"argv", arguments},
      {"display_name", display_name},
      {"language", "python"},
      // The PYTHONPATH of the Jupyter that starts the kernel belongs to another Python.
      {"env", {{"PYTHONPATH", ""}}},
      {"metadata", {{"debugger", true}, {kOwnKey, {{"release", session.place.release_name}}}}},
  };
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string bundle_name(const std::string& release_name) {
  constexpr size_t kIdDigits = 16;
  const size_t at = release_name.rfind('-');
  if (at == std::string::npos || at == 0) return release_name;
  const std::string id = release_name.substr(at + 1);
  const bool is_id =
      id.size() == kIdDigits && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_id ? release_name.substr(0, at) : release_name;
}

Action add_kernelspec(CLI::App& app) {
  auto options = std::make_shared<KernelspecOptions>();
  app.add_flag("--user", options->user, "register it for you: ~/.local/share/jupyter/kernels");
  app.add_option("--prefix", options->prefix,
                 "register it in a Jupyter's own prefix: DIR/share/jupyter/kernels")
      ->type_name("DIR");
  app.add_option("--name", options->name, "name of the kernel's folder")->type_name("NAME");
  app.add_option("--display-name", options->display_name, "name that users see")->type_name("TEXT");
  app.add_flag("--remove", options->remove, "remove it again");
  app.add_flag("--print", options->print, "print kernel.json, write nothing");
  app.footer(
      "The kernel is started by this environment's absolute path: after the prefix was moved,\n"
      "register it again. Limits before the sub-command's name become the kernel's own.\n"
      "examples:\n"
      "  envrun kernelspec --user\n"
      "  envrun --memory 32g kernelspec --prefix /opt/jupyterhub --display-name 'PyTorch 2.8'");
  return [options](Session& session) { return run_kernelspec(session, *options); };
}

}  // namespace eb
