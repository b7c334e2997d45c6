#include "installer/install/reuse.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/unpack_image.hpp"

namespace eb {
namespace {

constexpr size_t kChunk = 256;  // entries that one worker takes at a time
// Smaller ones at another path are sooner written than looked for.
constexpr uint64_t kLargeFile = 64u << 10;

bool is_same_file(const Entry& a, const Entry& b) {
  return a.type == EntryType::kFile && b.type == EntryType::kFile && a.digest == b.digest &&
         a.size_bytes == b.size_bytes && a.executable == b.executable;
}

// Complete and untouched since, as far as the inode tells.
bool is_as_unpacked(const struct stat& info, const Entry& entry) {
  return S_ISREG(info.st_mode) && (info.st_mode & 07777) == mode_of(entry) &&
         static_cast<uint64_t>(info.st_size) == entry.size_bytes &&
         info.st_mtim.tv_sec == kFileTime && info.st_mtim.tv_nsec == 0;
}

struct DigestHash {
  size_t operator()(const Sha256& digest) const {
    size_t out = 0;
    std::memcpy(&out, digest.bytes.data(), sizeof out);
    return out;
  }
};

constexpr uint32_t kNone = ~uint32_t{0};

// For each entry of `wanted` the number of the one in `source` that has its content, or kNone.
std::vector<uint32_t> match(const Index& source, const Index& wanted) {
  std::vector<uint32_t> out(wanted.entries.size(), kNone);
  std::unordered_map<Sha256, uint32_t, DigestHash> large;
  std::vector<char> taken(source.entries.size(), 0);
  for (uint32_t i = 0, k = 0; i < wanted.entries.size(); ++i) {
    const Entry& entry = wanted.entries[i];
    while (k < source.entries.size() && source.entries[k].path < entry.path) ++k;
    if (k < source.entries.size() && source.entries[k].path == entry.path &&
        is_same_file(source.entries[k], entry)) {
      out[i] = k;
      taken[k] = 1;
    }
  }
  for (uint32_t k = 0; k < source.entries.size(); ++k) {
    const Entry& entry = source.entries[k];
    if (taken[k] == 0 && entry.type == EntryType::kFile && entry.size_bytes >= kLargeFile) {
      large.emplace(entry.digest, k);
    }
  }
  for (uint32_t i = 0; i < wanted.entries.size() && !large.empty(); ++i) {
    if (out[i] != kNone || wanted.entries[i].type != EntryType::kFile) continue;
    const auto found = large.find(wanted.entries[i].digest);
    if (found == large.end() || !is_same_file(source.entries[found->second], wanted.entries[i])) {
      continue;
    }
    out[i] = found->second;
    large.erase(found);  // one inode is never two files of one release
  }
  return out;
}

void for_each_chunk(size_t count, unsigned jobs, const StopFlag& stop,
                    const std::function<void(size_t begin, size_t end)>& work) {
  for_each_parallel((count + kChunk - 1) / kChunk, jobs, [&](size_t chunk) {
    stop.check();
    work(chunk * kChunk, std::min(count, (chunk + 1) * kChunk));
  });
}

/// One worker's placing of files, reflinks first for as long as they can be had.
class Placer {
 public:
  Placer(Sys& sys, int from, const std::string& from_where, int to, const std::string& to_where,
         std::atomic<bool>& may_clone)
      : sys_(sys),
        from_(sys, from, 4, from_where),
        to_(sys, to, 4, to_where),
        may_clone_(may_clone) {}

  bool place(const RelPath& source, const Entry& entry) {
    const int from = from_.try_open(source.parent());
    const int to = to_.try_open(entry.path.parent());
    if (from < 0 || to < 0) return false;
    const std::string from_name(source.name());
    const std::string to_name(entry.path.name());
    return (may_clone_ && clone(from, from_name, to, to_name, entry)) ||
           link(from, from_name, to, to_name, entry);
  }

 private:
  bool link(int from, const std::string& from_name, int to, const std::string& to_name,
            const Entry& entry) {
    if (sys_.linkat(from, from_name.c_str(), to, to_name.c_str()) < 0) return false;
    // What is there now is looked at, not what was there a moment ago (F112).
    struct stat info {};
    if (sys_.fstatat(to, to_name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_as_unpacked(info, entry)) {
      return true;
    }
    sys_.unlinkat(to, to_name.c_str(), 0);
    return false;
  }

  bool clone(int from, const std::string& from_name, int to, const std::string& to_name,
             const Entry& entry) {
    const int opened =
        sys_.openat(from, from_name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    if (opened < 0) return false;
    const Fd source(sys_, opened);
    struct stat info {};
    if (sys_.fstat(source.get(), &info) < 0 || !is_as_unpacked(info, entry)) return false;
    const int made = sys_.openat(to, to_name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0) return false;
    const Fd copy(sys_, made);
    const int r = sys_.clone_file(copy.get(), source.get());
    if (r == 0 && sys_.fchmod(copy.get(), mode_of(entry)) == 0) {
      mark_complete(sys_, copy.get());
      return true;
    }
    sys_.unlinkat(to, to_name.c_str(), 0);
    if (r != 0) may_clone_ = false;  // it is a property of the file system
    return false;
  }

  Sys& sys_;
  DirectoryCache from_;
  DirectoryCache to_;
  std::atomic<bool>& may_clone_;
};

}  // namespace

void mark_complete(Sys& sys, int fd) noexcept {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                             {.tv_sec = kFileTime, .tv_nsec = 0}};
  sys.futimens(fd, times);
}

ReusableFiles::ReusableFiles(Sys& sys, Fd dir, std::string where, Index source, const Index& wanted,
                             unsigned jobs, const StopFlag& stop)
    : dir_(std::move(dir)),
      where_(std::move(where)),
      source_(std::move(source)),
      from_(match(source_, wanted)) {
  std::atomic<uint64_t> files{0};
  std::atomic<uint64_t> bytes{0};
  for_each_chunk(from_.size(), jobs, stop, [&](size_t begin, size_t end) {
    DirectoryCache directories(sys, dir_.get(), 4, where_);
    for (size_t i = begin; i < end; ++i) {
      if (from_[i] == kNone) continue;
      struct stat info {};
      const RelPath& path = source_.entries[from_[i]].path;
      const int parent = directories.try_open(path.parent());
      if (parent >= 0 &&
          sys.fstatat(parent, std::string(path.name()).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          is_as_unpacked(info, wanted.entries[i])) {
        ++files;
        bytes += wanted.entries[i].size_bytes;
      } else {
        from_[i] = kNone;
      }
    }
  });
  files_ = files;
  bytes_ = bytes;
}

ReusableFiles ReusableFiles::of_stage(Sys& sys, Fd dir, std::string where, const Index& wanted,
                                      unsigned jobs, EventSink& events, const StopFlag& stop) {
  ReusableFiles out(sys, std::move(dir), std::move(where), wanted, wanted, jobs, stop);
  const auto begun = std::chrono::steady_clock::now();
  events.on(PhaseStarted{"resume", out.bytes_, "bytes"});
  std::mutex mutex;
  uint64_t looked_at = 0;
  std::atomic<uint64_t> files{0};
  std::atomic<uint64_t> bytes{0};
  for_each_chunk(out.from_.size(), jobs, stop, [&](size_t begin, size_t end) {
    DirectoryCache directories(sys, out.dir_.get(), 4, out.where_);
    for (size_t i = begin; i < end; ++i) {
      if (out.from_[i] == kNone) continue;
      const RelPath& path = wanted.entries[i].path;  // the two have one index
      try {
        const int parent = directories.open(path.parent());
        {
          const std::lock_guard lock(mutex);
          looked_at += wanted.entries[i].size_bytes;
          events.on(PhaseProgress{looked_at});
        }
        if (hash_file(sys, parent, std::string(path.name()).c_str(), directories.where(path.str()),
                      stop) == wanted.entries[i].digest) {
          ++files;
          bytes += wanted.entries[i].size_bytes;
          continue;
        }
      } catch (const Error&) {
        stop.check();
      }
      out.from_[i] = kNone;
    }
  });
  out.files_ = files;
  out.bytes_ = bytes;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  events.on(PhaseFinished{"resume", took.count()});
  return out;
}

void ReusableFiles::place(Sys& sys, int stage, const std::string& stage_where, const Index& wanted,
                          unsigned jobs, std::vector<char>& done, const StopFlag& stop) const {
  if (files_ == 0) return;
  std::atomic<bool> may_clone{true};
  for_each_chunk(from_.size(), jobs, stop, [&](size_t begin, size_t end) {
    Placer placer(sys, dir_.get(), where_, stage, stage_where, may_clone);
    for (size_t i = begin; i < end; ++i) {
      if (done[i] == 0 && from_[i] != kNone &&
          placer.place(source_.entries[from_[i]].path, wanted.entries[i])) {
        done[i] = 1;
      }
    }
  });
}

ReusableFiles reusable_of_active(Sys& sys, const PrefixView& view, const Index& wanted,
                                 unsigned jobs, const StopFlag& stop) {
  if (!view.exists || !view.current) return {};
  const std::string where = view.path + "/" + kReleasesDir;
  try {
    const Fd releases = open_dir_at(sys, view.dir.get(), kReleasesDir, where);
    std::string id;
    Index index = read_release_index(sys, releases.get(), *view.current, where, &id);
    Fd dir = open_dir_at(sys, releases.get(), view.current->c_str(), where + "/" + *view.current);
    return {sys, std::move(dir), where + "/" + *view.current, std::move(index), wanted, jobs, stop};
  } catch (const Error&) {
    // What is wrong with an old release is no reason not to install a new one.
    stop.check();
    return {};
  }
}

}  // namespace eb
