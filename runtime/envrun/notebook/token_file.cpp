#include "runtime/envrun/notebook/token_file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "runtime/envrun/notebook/private_directory.hpp"

namespace eb {
namespace {

constexpr size_t kShortest = 16;
constexpr size_t kLongest = 256;

Error refused(const std::string& path, const std::string& why) {
  return Error(ExitCode::kPermission, "the token file is not to be trusted")
      .where(path)
      .why(why)
      .hint("'envrun jupyter --new-token' replaces it");
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string random_text(size_t bytes) {
  std::array<unsigned char, 32> random{};
  if (getrandom(random.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
    throw system_error(errno, "the system gives no random numbers", "getrandom");
  }
  return hexadecimal(std::span(random).first(bytes));
}

bool is_token(const std::string& text) {
  return text.size() >= kShortest && text.size() <= kLongest &&
         std::ranges::all_of(text, [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == '~' || c == '-';
         });
}

std::optional<std::string> read_token(World& world, const std::string& path) {
  // O_NONBLOCK: a FIFO under this name must not hold us.
  const int opened =
      world.sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  if (opened == -ENOENT) return std::nullopt;
  if (opened == -ELOOP) throw refused(path, "it is a symlink");
  if (opened < 0) throw system_error(-opened, "cannot read the token", path);
  const Fd file(world.sys, opened);
  struct stat info {};
  if (const int result = world.sys.fstat(file.get(), &info); result < 0) {
    throw system_error(-result, "cannot read the token", path);
  }
  if (!S_ISREG(info.st_mode)) throw refused(path, "it is no regular file");
  if (info.st_uid != world.uid) {
    throw refused(path, "it belongs to user " + std::to_string(info.st_uid));
  }
  if ((info.st_mode & 077) != 0) throw refused(path, "others may read it or write to it");
  std::string text(kLongest + 1, '\0');
  text.resize(read_up_to(world.sys, file.get(), text.data(), text.size(), path));
  if (!is_token(text)) {
    throw refused(path, "it does not hold one word of 16 to 256 characters without a line end");
  }
  return text;
}

}  // namespace

TokenFile obtain_token(World& world, const std::string& path, bool renew) {
  const std::string directory = path.substr(0, path.rfind('/'));
  make_private_directory(world, directory);
  if (!renew) {
    if (auto token = read_token(world, path)) return {path, *token};
  }
  const std::string token = random_text(24);
  const std::string fresh = path + "." + random_text(8);
  const auto bytes = std::as_bytes(std::span(token.data(), token.size()));
  if (renew) {
    const Fd opened = open_dir_at(world.sys, AT_FDCWD, directory.c_str(), directory);
    const std::string name = path.substr(path.rfind('/') + 1);
    const std::string temporary = fresh.substr(fresh.rfind('/') + 1);
    replace_file_at(world.sys, opened.get(), name.c_str(), temporary.c_str(), bytes, 0600, path);
    return {path, token};
  }
  // Two servers may start at once: link(2) lets one of the new tokens win, on NFS too, and both
  // use that one.
  Fd file = create_at(world.sys, AT_FDCWD, fresh.c_str(), 0600, fresh);
  write_all(world.sys, file.get(), bytes, fresh);
  close_written(world.sys, std::move(file), fresh);
  const int linked = linkat(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), 0) == 0 ? 0 : errno;
  world.sys.unlinkat(AT_FDCWD, fresh.c_str(), 0);
  if (linked != 0 && linked != EEXIST) throw system_error(linked, "cannot keep the token", path);
  if (auto kept = read_token(world, path)) return {path, *kept};
  throw Error(ExitCode::kIo, "the token file vanished").where(path);
}

}  // namespace eb
