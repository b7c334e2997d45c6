#include "installer/driver/host_files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr unsigned kMaxLinks = 40;  // as the kernel's own limit
constexpr size_t kMaxPath = 4096;

}  // namespace

std::optional<std::string> HostFiles::real_path(const std::string& path) const {
  std::string done;  // without symlinks, "" = the root itself
  std::string rest = path;
  unsigned links = 0;
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string component = rest.substr(0, slash);
    rest.erase(0, std::min(slash + 1, rest.size()));
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      done.resize(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    std::string next = done;
    next.append("/").append(component);
    char target[kMaxPath];
    const ssize_t size = sys_->readlinkat(AT_FDCWD, (root_ + next).c_str(), target, sizeof target);
    if (size < 0 && size != -EINVAL) return std::nullopt;
    if (size < 0) {
      done = next;
      continue;
    }
    const std::string_view text(target, static_cast<size_t>(size));
    if (++links > kMaxLinks || text.size() + rest.size() >= kMaxPath) return std::nullopt;
    if (text.starts_with("/")) done.clear();
    rest.insert(0, std::string(text).append("/"));
  }
  return done.empty() ? "/" : done;
}

Fd HostFiles::open(const std::string& path) const {
  const auto real = real_path(path);
  if (!real) return {};
  struct stat before {};
  if (sys_->fstatat(AT_FDCWD, (root_ + *real).c_str(), &before, 0) < 0 ||
      !S_ISREG(before.st_mode)) {
    return {};
  }
  try {
    return open_at(*sys_, AT_FDCWD, (root_ + *real).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                   path);
  } catch (const Error&) {
    return {};
  }
}

std::optional<std::string> HostFiles::read(const std::string& path, size_t max_bytes) const {
  const Fd fd = open(path);
  if (!fd) return std::nullopt;
  try {
    std::string out(max_bytes, '\0');
    out.resize(read_up_to(*sys_, fd.get(), out.data(), out.size(), path));
    return out;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string HostFiles::first_line(const std::string& path) const {
  const auto text = read(path, 4096);
  return text ? trimmed_text(text->substr(0, text->find('\n'))) : std::string();
}

std::vector<std::string> HostFiles::names(const std::string& folder) const {
  std::vector<std::string> out;
  const auto real = real_path(folder);
  if (!real) return out;
  try {
    const Fd fd =
        open_at(*sys_, AT_FDCWD, (root_ + *real).c_str(), O_RDONLY | O_DIRECTORY, 0, folder);
    std::vector<DirEntry> entries;
    if (sys_->list(fd.get(), &entries) < 0) return out;
    for (DirEntry& entry : entries) out.push_back(std::move(entry.name));
  } catch (const Error&) {
    return {};
  }
  std::ranges::sort(out);
  return out;
}

std::optional<struct stat> HostFiles::info(const std::string& path) const {
  const auto real = real_path(path);
  struct stat out {};
  if (!real || sys_->fstatat(AT_FDCWD, (root_ + *real).c_str(), &out, 0) < 0) return std::nullopt;
  return out;
}

int HostFiles::access_error(const std::string& path, int mode) const {
  const auto real = real_path(path);
  if (!real) return ENOENT;
  const int result = sys_->faccessat(AT_FDCWD, (root_ + *real).c_str(), mode);
  return result < 0 ? -result : 0;
}

std::string trimmed_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

std::vector<std::string> text_lines(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::optional<uint64_t> number_of(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string errno_name(int error) {
  switch (error) {
    case EACCES:
      return "EACCES";
    case EPERM:
      return "EPERM";
    case ENOENT:
      return "ENOENT";
    case EROFS:
      return "EROFS";
    default:
      return "errno " + std::to_string(error);
  }
}

}  // namespace eb
