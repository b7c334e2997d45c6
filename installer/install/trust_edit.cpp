#include "installer/install/trust_edit.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/trust_file.hpp"

namespace eb {
namespace {

constexpr char kPrincipal[] = "envbundle-signer";

// As mkdir -p, with the mode for what it makes.
void make_folders(Sys& sys, const std::string& path, mode_t mode) {
  struct stat info {};
  if (sys.fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0) return;
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) make_folders(sys, path.substr(0, slash), mode);
  make_directory(sys, AT_FDCWD, path.c_str(), mode, path);
}

/// The new text before it takes its place; removed again unless it did.
class Draft {
 public:
  Draft(Sys& sys, int dir, std::string name, const std::string& where)
      : sys_(sys), dir_(dir), name_(std::move(name)) {
    int fd = 0;
    do {
      fd = sys_.openat(dir_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600);
    } while (fd == -EINTR);
    if (fd == -EEXIST) {
      throw Error(ExitCode::kBusy, "another process changes the trust file")
          .where(where)
          .why(name_ + " lies beside it")
          .hint("run the same command again; if no other one runs, remove that file");
    }
    if (fd < 0) throw system_error(-fd, "cannot change the trust file", where);
    fd_ = Fd(sys_, fd);
  }
  ~Draft() {
    if (!name_.empty()) sys_.unlinkat(dir_, name_.c_str(), 0);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void publish(const std::string& text, mode_t mode, const std::string& as,
               const std::string& where) {
    write_all(sys_, fd_.get(), as_bytes(text), where);
    int r = sys_.fchmod(fd_.get(), mode);
    if (r == 0) r = sys_.fsync(fd_.get());
    if (r < 0) throw system_error(-r, "cannot change the trust file", where);
    close_written(sys_, std::move(fd_), where);
    r = rename_at(sys_, dir_, name_.c_str(), dir_, as.c_str());
    if (r < 0) throw system_error(-r, "cannot change the trust file", where);
    name_.clear();
    sync_directory(sys_, dir_, where);
  }

 private:
  Sys& sys_;
  int dir_;
  std::string name_;
  Fd fd_;
};

}  // namespace

std::string plain_principal(const std::string& name) {
  // Anything with a space, quote, comma, wildcard or '#' would mean something else there.
  const bool is_plain = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '@' || c == '.' || c == '-' || c == '_' || c == '+';
  });
  return is_plain ? name : kPrincipal;
}

std::string signer_line(const SshPublicKey& key, const std::string& principal,
                        const std::string& valid_after, const std::string& valid_before) {
  std::string out = principal + " namespaces=\"" + kSignatureNamespace + "\"";
  if (!valid_after.empty()) out += ",valid-after=\"" + valid_after + "\"";
  if (!valid_before.empty()) out += ",valid-before=\"" + valid_before + "\"";
  return out + " " + key.authorized_line() + "\n";
}

bool edit_trust_file(Sys& sys, const std::string& path, uid_t uid, mode_t folder_mode,
                     const std::function<std::string(const std::string&)>& change) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  make_folders(sys, folder, folder_mode);
  const Fd dir = open_at(sys, AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY, 0, folder);
  Draft draft(sys, dir.get(), "." + name + ".new", path);
  std::string before;
  mode_t mode = 0644;
  if (trust_file_exists(sys, path)) {
    before = read_trust_file(sys, path, uid);
    struct stat info {};
    if (const int r = sys.fstatat(dir.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW); r < 0) {
      throw system_error(-r, "cannot look at the trust file", path);
    }
    mode = info.st_mode & 0755;
  }
  const std::string after = change(before);
  if (after == before) return false;
  draft.publish(after, mode, name, path);
  return true;
}

std::string with_line(const std::string& text, const std::string& line) {
  return text + (text.empty() || text.ends_with('\n') ? "" : "\n") + line;
}

std::string without_lines(const std::string& text, const std::function<bool(size_t)>& drop) {
  std::string out;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (!drop(++number)) out.append(text, begin, end - begin);
    begin = end;
  }
  return out;
}

}  // namespace eb
