#include "installer/install/module_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/install/module_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr char kChoiceFile[] = "modules";  // in .envinstall
constexpr char kRcFile[] = ".modulerc";
constexpr char kRcTarget[] = "../../current/share/envbundle/modulerc";
// Hidden from module systems, and never a module: they pass over names that end in ~.
constexpr char kTemporary[] = ".envinstall-";
constexpr char kBelowReleases[] = "/releases/";
constexpr char kEasyBuildModules[] = "modules/all";
constexpr char kFromEasyBuildPrefix[] = "../../../";

using Files = std::map<std::string, std::string>;  // NAME/FILE -> text

// Sorted by name; empty where there is no such folder, or somebody's link in its place.
std::vector<DirEntry> list_folder(Sys& sys, int dir, const std::string& path) {
  struct stat info {};
  std::vector<DirEntry> entries;
  if (sys.fstatat(dir, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == -ENOENT) return entries;
  if (!S_ISDIR(info.st_mode) && info.st_mode != 0) return entries;
  const Fd folder = open_dir_at(sys, dir, path.c_str(), path);
  if (const int r = sys.list(folder.get(), &entries); r < 0) {
    throw system_error(-r, "cannot list the folder", path);
  }
  std::ranges::sort(entries, {}, &DirEntry::name);
  return entries;
}

std::optional<std::string> read_module(Sys& sys, int dir, const std::string& path) {
  auto text = read_small_file(sys, dir, path, kMaxModuleFile);
  if (!text || !is_module_text(*text)) return std::nullopt;
  return text;
}

std::string join(std::string folder, const std::string& name) {
  return folder.append("/").append(name);
}

// NAME/FILE of everything below a folder, but for hidden names.
std::vector<std::string> list_modules(Sys& sys, int dir, const std::string& folder) {
  std::vector<std::string> out;
  for (const DirEntry& name : list_folder(sys, dir, folder)) {
    for (const DirEntry& file : list_folder(sys, dir, folder + "/" + name.name)) {
      if (!file.name.starts_with('.')) out.push_back(name.name + "/" + file.name);
    }
  }
  return out;
}

// Those of a release: all are ours, and one that cannot be read is an error, not a file less.
Files read_release(Sys& sys, int dir, const std::string& folder) {
  Files out;
  for (const std::string& path : list_modules(sys, dir, folder)) {
    const std::string file = join(folder, path);
    const auto data = read_file_at(sys, dir, file.c_str(), kMaxModuleFile, file);
    if (is_module_text(as_text(data))) out.emplace(path, as_text(data));
  }
  return out;
}

struct Settings {
  std::optional<std::string> conflicts;
  bool easybuild = false;
  bool operator==(const Settings&) const = default;
};

Settings read_settings(Sys& sys, const Prefix& prefix) {
  Settings out;
  const auto text = read_small_file(sys, prefix.state.get(), kChoiceFile);
  for (const std::string& line : lines_of(text.value_or(""))) {
    if (line == "layout eb") out.easybuild = true;
    if (line == "conflict" || line.starts_with("conflict ")) {
      out.conflicts = parse_conflicts(line.substr(std::string("conflict").size()));
    }
  }
  return out;
}

class Refresh {
 public:
  Refresh(Sys& sys, const Prefix& prefix, const std::string& active, int64_t now, EventSink& events)
      : sys_(sys),
        root_(prefix.root.get()),
        prefix_(prefix),
        active_(active),
        now_(now),
        events_(events),
        settings_(read_settings(sys, prefix)),
        temporary_(kTemporary + random_name() + "~") {}

  void run() {
    if (!active_.empty()) {
      brought_ = read_release(sys_, root_, kReleasesDir + ("/" + active_) + "/" + kModuleDir);
    }
    own_folder();
    if (settings_.easybuild) easybuild_folder();
  }

 private:
  void own_folder() {
    struct stat info {};
    const int r = sys_.fstatat(root_, kModuleDir, &info, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT && brought_.empty()) return;
    if (r == 0 && !S_ISDIR(info.st_mode)) {
      events_.on(Warning{prefix_.at(kModuleDir) +
                         " is not envinstall's and stays as it is; 'module "
                         "use' the release's own: " +
                         prefix_.at(kCurrentLink) + "/" + kModuleDir});
      return;
    }
    Files wanted;
    std::vector<std::string> gone;
    for (const std::string& path : list_modules(sys_, root_, kModuleDir)) {
      const auto text = read_module(sys_, root_, kModuleDir + ("/" + path));
      if (!text || brought_.contains(path)) continue;  // another's, or written below
      const std::string below = module_value(*text, "below").value_or("");
      const std::string source =
          below.substr(below.empty() ? 0 : 1) + "/" + kModuleDir + "/" + path;
      if (auto original = read_module(sys_, root_, source)) {
        wanted[path] = fill(*original, below);
      } else if (sys_.faccessat(root_, source.c_str(), F_OK) == -ENOENT) {
        gone.push_back(path);
      } else {
        wanted[path] = *text;  // cannot be read now: it stays as it is
      }
    }
    for (const auto& [path, text] : brought_) wanted[path] = fill(text, kBelowReleases + active_);
    if (!wanted.empty()) make_directory(sys_, root_, kModuleDir, 0755, prefix_.at(kModuleDir));
    for (const auto& [path, text] : wanted) {
      write(kModuleDir, path, text);
      link_rc(path.substr(0, path.find('/')));
    }
    for (const std::string& path : gone) remove(std::string(kModuleDir) + "/" + path);
    for (const DirEntry& name : list_folder(sys_, root_, kModuleDir)) {
      remove_forgotten(std::string(kModuleDir) + "/" + name.name);
      const auto first = wanted.lower_bound(name.name + "/");
      if (first == wanted.end() || !first->first.starts_with(name.name + "/")) {
        clear(std::string(kModuleDir) + "/" + name.name);
      }
    }
    if (wanted.empty()) sys_.unlinkat(root_, kModuleDir, AT_REMOVEDIR);
  }

  // The prefix is ROOT/software/NAME/VERSION; what lies in the folders of all is told from others'
  // by where it leads.
  void easybuild_folder() {
    const size_t slash = prefix_.path.rfind('/');
    const size_t before = slash == std::string::npos ? slash : prefix_.path.rfind('/', slash - 1);
    if (before == std::string::npos) return;
    const std::string module = prefix_.path.substr(before + 1);
    const std::string name = module.substr(0, module.find('/'));
    const std::string folder = std::string(kFromEasyBuildPrefix) + kEasyBuildModules;
    const std::string below = "/software/" + module;
    remove_forgotten(folder + "/" + name);
    for (const std::string& path : {module, module + ".lua"}) {
      const auto found = brought_.find(path);
      if (found != brought_.end()) {
        make_directory(sys_, root_, "../../../modules", 0755, "modules");
        make_directory(sys_, root_, folder.c_str(), 0755, kEasyBuildModules);
        write(folder, path,
              fill_module_text(
                  found->second,
                  {.above = 4, .below = below, .conflicts = settings_.conflicts, .layout = "eb"}));
      } else if (active_.empty()) {
        const auto text = read_module(sys_, root_, join(folder, path));
        if (text && module_value(*text, "below") == below) remove(join(folder, path));
      }
    }
    if (active_.empty()) clear(folder + "/" + name);
  }

  std::string fill(const std::string& text, const std::string& below) const {
    return fill_module_text(
        text, {.above = 3, .below = below, .conflicts = settings_.conflicts, .layout = ""});
  }

  void write(const std::string& folder, const std::string& path, const std::string& text) {
    const std::string name = folder + "/" + path.substr(0, path.find('/'));
    const std::string file = path.substr(path.find('/') + 1);
    make_directory(sys_, root_, name.c_str(), 0755, prefix_.at(name));
    const Fd dir = open_dir_at(sys_, root_, name.c_str(), prefix_.at(name));
    if (sys_.faccessat(dir.get(), file.c_str(), F_OK) == 0) {
      const auto old = read_small_file(sys_, dir.get(), file, kMaxModuleFile);
      if (old == text) return;
      if (!old || !is_module_text(*old)) {
        events_.on(
            Warning{prefix_.at(name) + "/" + file + " is not envinstall's and stays as it is"});
        return;
      }
    }
    replace_file_at(sys_, dir.get(), file.c_str(), temporary_.c_str(), as_bytes(text), 0644,
                    prefix_.at(name) + "/" + file);
  }

  // Through `current`: the default version changes with it, at once. Not where the path has a
  // blank: Lmod cannot read a .modulerc there, and would list nothing at all.
  void link_rc(const std::string& name) {
    if (prefix_.path.find_first_of(" \t\n") != std::string::npos) return;
    const std::string path = std::string(kModuleDir) + "/" + name + "/" + kRcFile;
    const int r = sys_.symlinkat(kRcTarget, root_, path.c_str());
    if (r < 0 && r != -EEXIST) throw system_error(-r, "cannot make the link", prefix_.at(path));
  }

  void remove(const std::string& path) {
    const int r = sys_.unlinkat(root_, path.c_str(), 0);
    if (r < 0 && r != -ENOENT) {
      throw system_error(-r, "cannot remove the module file", prefix_.at(path));
    }
  }

  // What runs that were killed had not yet renamed.
  void remove_forgotten(const std::string& folder) {
    for (const DirEntry& entry : list_folder(sys_, root_, folder)) {
      if (entry.name.starts_with(kTemporary)) {
        remove_if_forgotten(sys_, root_, join(folder, entry.name), now_);
      }
    }
  }

  // A folder that holds no module of ours any more; others' files keep it.
  void clear(const std::string& folder) {
    for (const DirEntry& entry : list_folder(sys_, root_, folder)) {
      const std::string path = folder + "/" + entry.name;
      if (entry.name == kRcFile) {
        try {
          if (read_link_at(sys_, root_, path.c_str(), path) != kRcTarget) continue;
        } catch (const Error&) {
          continue;
        }
        sys_.unlinkat(root_, path.c_str(), 0);
      } else if (entry.name.starts_with(kTemporary)) {
        sys_.unlinkat(root_, path.c_str(), 0);
      }
    }
    sys_.unlinkat(root_, folder.c_str(), AT_REMOVEDIR);
  }

  Sys& sys_;
  const int root_;
  const Prefix& prefix_;
  const std::string active_;
  const int64_t now_;
  EventSink& events_;
  const Settings settings_;
  const std::string temporary_;
  Files brought_;  // by the active release
};

}  // namespace

void keep_module_choice(Sys& sys, const Prefix& prefix, const ModuleChoice& choice) {
  const Settings before = read_settings(sys, prefix);
  Settings after = before;
  if (choice.conflicts == "default") {
    after.conflicts.reset();
  } else if (choice.conflicts) {
    after.conflicts = parse_conflicts(*choice.conflicts);
  }
  after.easybuild = before.easybuild || choice.easybuild;
  if (after == before) return;
  std::string text;
  if (after.conflicts) text += "conflict " + *after.conflicts + "\n";
  if (after.easybuild) text += "layout eb\n";
  const std::string where = prefix.at(kStateDir) + "/" + kChoiceFile;
  replace_file_at(sys, prefix.state.get(), kChoiceFile, (".modules." + random_name()).c_str(),
                  as_bytes(text), 0644, where);
}

void refresh_module_files(Sys& sys, const Prefix& prefix, const std::string& active, int64_t now,
                          EventSink& events) {
  Refresh(sys, prefix, active, now, events).run();
}

std::optional<std::string> module_name(const Index& index) {
  const std::string begin = std::string(kModuleDir) + "/";
  for (const Entry& entry : index.entries) {
    std::string path = entry.path.str();
    if (entry.type != EntryType::kFile || !path.starts_with(begin) || path.ends_with(".lua")) {
      continue;
    }
    path = path.substr(begin.size());
    if (std::ranges::count(path, '/') == 1) return path;
  }
  return std::nullopt;
}

std::string easybuild_prefix(Sys& sys, const std::string& root, const Index& index) {
  const auto module = module_name(index);
  if (!module) {
    throw Error(ExitCode::kUsage, "the bundle brings no module file")
        .where("--layout=eb")
        .why("the layout's folders are called as its module is")
        .hint("install it without --layout, or make the bundle anew with this envbundle");
  }
  const std::string name = module->substr(0, module->find('/'));
  const std::string software = join(root, "software");
  for (const std::string& folder : {software, join(software, name)}) {
    struct stat info {};
    if (sys.fstatat(AT_FDCWD, folder.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(info.st_mode)) {
      throw Error(ExitCode::kUsage, "a folder of the layout is a link")
          .where(folder)
          .why("the module file finds software/ and modules/ by one root above both")
          .hint("give the root that the link leads to");
    }
  }
  for (const char* ending : {"", ".lua"}) {
    const std::string file = join(join(root, kEasyBuildModules), *module) + ending;
    if (sys.faccessat(AT_FDCWD, file.c_str(), F_OK) < 0 || read_module(sys, AT_FDCWD, file)) {
      continue;
    }
    throw Error(ExitCode::kUsage, "there is a module file of something else")
        .where(file)
        .why("a module of this name and version was not made by envinstall")
        .hint("give another root, or move that file away");
  }
  return root + "/software/" + *module;
}

}  // namespace eb
