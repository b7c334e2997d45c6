#include "runtime/launcher/locate.hpp"

#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

bool is_regular(const char* path) {
  Stat info{};
  return stat(path, &info) == 0 && (info.st_mode & kTypeMask) == kRegular;
}

/// Sets root, name and real when a parent of `self` is a release that holds the program.
bool find_root(const char* self, Program* program) {
  const View path(self);
  for (View parent = directory_of(path);; parent = directory_of(parent)) {
    const bool top = parent == "/";
    const View rest = path.from(top ? 1 : parent.size + 1);
    const char* real = joined({top ? "" : parent, "/libexec/real/", rest});
    if (is_regular(real)) {
      program->root = joined({top ? "" : parent});
      program->name = joined({rest});
      program->real = real;
      return true;
    }
    if (top) return false;
  }
}

/// The program that a copy in a venv stands for: `home` of pyvenv.cfg names the directory.
const char* through_venv(const char* self) {
  const View directory = directory_of(self);
  const Mapping config = map_file(joined({directory_of(directory), "/pyvenv.cfg"}));
  if (!config) return nullptr;
  View rest = config.text();
  for (View line; next_part(&rest, '\n', &line);) {
    const size_t at = line.index_of('=');
    if (at == line.size || !(line.first(at).trimmed() == "home")) continue;
    const View home = line.from(at + 1).trimmed();
    long error = 0;
    const char* path = real_path(joined({home, "/", base_name(self)}), &error);
    return path != nullptr ? path : real_path(joined({home, "/python3"}), &error);
  }
  return nullptr;
}

/// The path behind a word as a shell would find it; nullptr when no directory of PATH has it.
const char* in_path(const Process& process, View word) {
  const char* path = variable(process.envp, "PATH");
  if (path == nullptr || word.empty()) return nullptr;
  View rest(path);
  for (View directory; next_part(&rest, ':', &directory);) {
    const char* candidate = joined({directory.empty() ? "." : directory, "/", word});
    if (access(candidate, 1) == 0 && is_regular(candidate)) return candidate;
  }
  return nullptr;
}

const char* self_by_proc() {
  char* const text = static_cast<char*>(allocate(kPathMax));
  const long size = readlink("/proc/self/exe", text, kPathMax - 1);
  // The kernel marks a deleted or unreachable file in the text itself; such a path does not exist.
  return size > 0 && text[0] == '/' && is_regular(text) ? text : nullptr;
}

}  // namespace

const char* real_path(View path, long* error) {
  View done = "";
  View rest = path;
  *error = ENOENT;
  if (path.empty()) return nullptr;
  if (path[0] != '/') {
    char* const directory = static_cast<char*>(allocate(kPathMax));
    if (current_directory(directory, kPathMax) < 0 || directory[0] != '/') return nullptr;
    if (!(View(directory) == "/")) done = directory;
  }
  int links = 0;
  for (View part; next_part(&rest, '/', &part);) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      const size_t at = done.last_index_of('/');
      done = done.first(at == done.size ? 0 : at);
      continue;
    }
    const char* next = joined({done, "/", part});
    char* const target = static_cast<char*>(allocate(kPathMax));
    const long size = readlink(next, target, kPathMax - 1);
    if (size == -EINVAL) {  // exists and is no symlink
      done = next;
      continue;
    }
    if (size < 0) {
      *error = -size;
      return nullptr;
    }
    if (++links > kMaxLinks) {
      *error = ELOOP;
      return nullptr;
    }
    rest = joined({target, "/", rest});
    if (target[0] == '/') done = "";
  }
  *error = 0;
  return done.empty() ? "/" : joined({done});
}

bool is_same_file(const char* one, const char* other) {
  Stat a{}, b{};
  return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Program find_program(const Process& process) {
  Program program;
  long error = 0;
  program.self = self_by_proc();
  if (program.self == nullptr) {
    // Without /proc: the path given to execve, or for a `#!` line (where that is the script) the
    // interpreter's path, which the kernel puts into argv[0].
    const char* candidates[] = {process.execfn, process.argc > 0 ? process.argv[0] : nullptr};
    for (const char* candidate : candidates) {
      if (candidate == nullptr) continue;
      const bool word = View(candidate).index_of('/') == View(candidate).size;
      const char* path = word ? in_path(process, candidate) : candidate;
      if (path == nullptr) continue;
      program.self = real_path(path, &error);
      if (program.self != nullptr && find_root(program.self, &program)) return program;
    }
    fail("cannot find out where this program stands (is /proc mounted?)",
         program.self != nullptr ? program.self : "/proc/self/exe", 0);
  }
  if (find_root(program.self, &program)) return program;
  const char* lender = through_venv(program.self);
  if (lender != nullptr && find_root(lender, &program)) return program;
  fail("this copy of the launcher is not inside a release (no libexec/real above it)", program.self,
       0);
}

const char* choose_argv0(const Process& process, const Program& program) {
  const View given = process.argc > 0 ? View(process.argv[0]) : View();
  const View name = base_name(given);
  const View own = directory_of(program.self);
  const bool has_slash = name.size != given.size;
  const char* found = has_slash ? process.argv[0] : in_path(process, given);
  if (found != nullptr && !name.empty() && is_same_file(found, program.self)) {
    const char* directory = joined({directory_of(found)});
    return is_same_file(directory, joined({own})) ? joined({own, "/", name}) : process.argv[0];
  }
  const char* sibling = joined({own, "/", name});
  return !name.empty() && is_same_file(sibling, program.self) ? sibling : program.self;
}

}  // namespace eb::launcher
