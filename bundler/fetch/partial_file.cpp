#include "bundler/fetch/partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <vector>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kReadBuffer = size_t{1} << 20;
constexpr size_t kMaxValidatorBytes = 1024;
constexpr char kPrivateMark[] = ".own.";

std::string validator_key(const std::string& url) { return sha256(as_bytes(url)).hex(); }

}  // namespace

PartialFile::PartialFile(const ArtifactCache& cache, std::filesystem::path path, Fd fd,
                         bool is_private)
    : cache_(cache), path_(std::move(path)), fd_(std::move(fd)), is_private_(is_private) {}

PartialFile::~PartialFile() {
  if (adopted_) return;
  // An empty file helps nobody; it is ours as long as the lock is held.
  if (is_private_ || size_bytes() == 0) {
    cache_.sys().unlinkat(AT_FDCWD, path_.c_str(), 0);
    cache_.sys().unlinkat(AT_FDCWD, validator_path().c_str(), 0);
  }
}

std::unique_ptr<PartialFile> PartialFile::open(const ArtifactCache& cache, const Sha256& digest,
                                               uint64_t limit_bytes) {
  Sys& sys = cache.sys();
  const std::filesystem::path path = cache.partial_path(digest);
  while (true) {
    Fd fd =
        open_at(sys, AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600, path.string());
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return nullptr;
      return open_private(cache, digest);  // NFS without lockd, and the like
    }
    // The holder before us may have moved the file into the cache, or removed it: then the lock is
    // on a file that has lost its name.
    struct stat held {};
    struct stat named {};
    if (sys.fstat(fd.get(), &held) == 0 &&
        sys.fstatat(AT_FDCWD, path.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      std::unique_ptr<PartialFile> file(new PartialFile(cache, path, std::move(fd), false));
      file->load(limit_bytes);
      return file;
    }
  }
}

std::unique_ptr<PartialFile> PartialFile::open_private(const ArtifactCache& cache,
                                                       const Sha256& digest) {
  const std::filesystem::path path = unique_name(cache.partial_directory(), digest.hex() + ".own");
  // The same process id on another machine of the site may have left a file of this name.
  Fd fd = open_at(cache.sys(), AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
                  0600, path.string());
  return std::unique_ptr<PartialFile>(new PartialFile(cache, path, std::move(fd), true));
}

void PartialFile::load(uint64_t limit_bytes) {
  struct stat info {};
  if (const int r = cache_.sys().fstat(fd_.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at", path_.string());
  }
  if (info.st_size == 0) return;
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > limit_bytes) {
    discard();
    return;
  }
  std::vector<std::byte> buffer(kReadBuffer);
  uint64_t done = 0;
  while (true) {
    const size_t got =
        pread_up_to(cache_.sys(), fd_.get(), buffer.data(), buffer.size(), done, path_.string());
    if (got == 0) break;
    hasher_.update(Bytes(buffer).first(got));
    done += got;
  }
  size_bytes_ = done;
  try {
    const std::vector<std::byte> text =
        read_file_at(cache_.sys(), AT_FDCWD, validator_path().c_str(), kMaxValidatorBytes,
                     validator_path().string());
    validator_ = as_text(text);
  } catch (const Error&) {
    validator_.clear();  // without one the range is asked for unconditionally
  }
}

void PartialFile::append(Bytes data) {
  const uint64_t at = size_bytes();
  pwrite_all(cache_.sys(), fd_.get(), data, at, path_.string());
  hasher_.update(data);
  size_bytes_ = at + data.size();
}

void PartialFile::discard() {
  if (const int r = cache_.sys().ftruncate(fd_.get(), 0); r < 0) {
    throw system_error(-r, "cannot shorten", path_.string());
  }
  hasher_ = Sha256Hasher();
  size_bytes_ = 0;
  if (!validator_.empty()) {
    validator_.clear();
    cache_.sys().unlinkat(AT_FDCWD, validator_path().c_str(), 0);
  }
}

Sha256 PartialFile::digest() { return hasher_.finish(); }

std::filesystem::path PartialFile::adopt(const Sha256& digest) {
  // An interrupted write of another process cannot have happened (lock), but a longer file from a
  // failed ftruncate can: the length on disk has to be the length that was hashed.
  struct stat info {};
  if (const int r = cache_.sys().fstat(fd_.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at", path_.string());
  }
  if (static_cast<uint64_t>(info.st_size) != size_bytes()) {
    throw Error(ExitCode::kIo, "a download changed on disk while it was written")
        .where(path_.string())
        .why(std::to_string(info.st_size) + " bytes instead of " + std::to_string(size_bytes()));
  }
  std::filesystem::path out = cache_.adopt(path_, digest);
  adopted_ = true;
  cache_.sys().unlinkat(AT_FDCWD, validator_path().c_str(), 0);
  return out;
}

std::string PartialFile::validator_for(const std::string& url) const {
  const std::string prefix = validator_key(url) + " ";
  return validator_.starts_with(prefix) ? validator_.substr(prefix.size()) : "";
}

void PartialFile::set_validator(const std::string& url, const std::string& etag) {
  std::string text = etag.empty() ? "" : validator_key(url) + " " + etag;
  if (text.size() > kMaxValidatorBytes) text.clear();
  if (text == validator_) return;
  validator_ = std::move(text);
  cache_.sys().unlinkat(AT_FDCWD, validator_path().c_str(), 0);
  if (is_private_ || validator_.empty()) return;
  const Fd fd =
      create_at(cache_.sys(), AT_FDCWD, validator_path().c_str(), 0600, validator_path().string());
  write_all(cache_.sys(), fd.get(), as_bytes(validator_), validator_path().string());
}

std::filesystem::path PartialFile::validator_path() const { return path_.string() + ".etag"; }

uint64_t partial_size_on_disk(const ArtifactCache& cache, const Sha256& digest) {
  struct stat info {};
  const int r =
      cache.sys().fstatat(AT_FDCWD, cache.partial_path(digest).c_str(), &info, AT_SYMLINK_NOFOLLOW);
  return r < 0 ? 0 : static_cast<uint64_t>(info.st_size);
}

void remove_stale_partials(const ArtifactCache& cache) {
  constexpr time_t kStaleSeconds = time_t{24} * 3600;
  const std::filesystem::path directory = cache.partial_directory();
  const Fd dir = open_at(cache.sys(), AT_FDCWD, directory.c_str(), O_RDONLY | O_DIRECTORY, 0,
                         directory.string());
  std::vector<DirEntry> entries;
  if (cache.sys().list(dir.get(), &entries) < 0) return;
  for (const DirEntry& entry : entries) {
    const bool is_private =
        entry.name.find(kPrivateMark) != std::string::npos || entry.name.starts_with("poisoned.");
    struct stat info {};
    if (!is_private ||
        cache.sys().fstatat(dir.get(), entry.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        time(nullptr) - info.st_mtime < kStaleSeconds) {
      continue;
    }
    cache.sys().unlinkat(dir.get(), entry.name.c_str(), 0);
  }
}

}  // namespace eb
