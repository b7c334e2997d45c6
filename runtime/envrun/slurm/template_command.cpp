#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "runtime/envrun/slurm/slurm_commands.hpp"

namespace eb {
namespace {

constexpr char kFolder[] = "share/envbundle/slurm";
constexpr char kSuffix[] = ".sbatch";
constexpr char kPrefixLine[] = "PREFIX=";
constexpr size_t kMaxBytes = 1u << 20;

std::vector<std::string> template_names(const Session& session, const std::string& folder) {
  const Fd dir = open_dir_at(session.world.sys, AT_FDCWD, folder.c_str(), folder);
  std::vector<DirEntry> entries;
  if (const int r = session.world.sys.list(dir.get(), &entries); r < 0) {
    throw system_error(-r, "cannot list the templates", folder);
  }
  std::vector<std::string> out;
  for (const DirEntry& entry : entries) {
    if (!entry.name.ends_with(kSuffix)) continue;
    out.push_back(entry.name.substr(0, entry.name.size() - sizeof kSuffix + 1));
  }
  std::ranges::sort(out);
  return out;
}

// For a shell, whatever is in it.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

int print_template(Session& session, const std::string& name) {
  const std::string folder = session.place.at(kFolder);
  const std::vector<std::string> names = template_names(session, folder);
  if (name.empty()) {
    for (const std::string& each : names) session.world.out << each << "\n";
    return 0;
  }
  if (std::ranges::find(names, name) == names.end()) {
    Error error(ExitCode::kUsage, "there is no template " + name);
    std::string all;
    for (const std::string& each : names) all += (all.empty() ? "" : ", ") + each;
    throw std::move(error).hint("there are: " + all);
  }
  const std::string path = folder + "/" + name + kSuffix;
  const auto bytes = read_file_at(session.world.sys, AT_FDCWD, path.c_str(), kMaxBytes, path);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    session.world.out << (line.starts_with(kPrefixLine)
                              ? kPrefixLine + quoted(session.place.lasting_root())
                              : line)
                      << "\n";
  }
  return 0;
}

}  // namespace

Action add_slurm_template(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "which one; without it: their names")->type_name("");
  app.footer("example:\n  envrun slurm-template many-nodes > job.sbatch && sbatch job.sbatch");
  return [name](Session& session) { return print_template(session, *name); };
}

}  // namespace eb
