#include "installer/install/release_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/container.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/trash.hpp"

namespace eb {
namespace {

constexpr size_t kReadSize = 1u << 20;
constexpr size_t kChunk = 128;  // entries that one worker takes at a time

const char* type_text(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "something else";
}

std::string mode_text(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

mode_t type_of(EntryType type) {
  switch (type) {
    case EntryType::kDirectory:
      return S_IFDIR;
    case EntryType::kFile:
      return S_IFREG;
    case EntryType::kSymlink:
      return S_IFLNK;
  }
  return 0;
}

/// One worker's look at entries, one after the other.
class EntryChecker {
 public:
  EntryChecker(Sys& sys, int release, const std::string& where, const StopFlag& stop)
      : sys_(sys), directories_(sys, release, 4, where), stop_(stop) {}

  // Words for what differs; empty = nothing. `*missing` when it is not there at all.
  std::string look(const Entry& entry, bool contents, bool* missing,
                   const std::function<void(uint64_t)>& progress) {
    const int parent = directories_.try_open(entry.path.parent());
    const std::string name(entry.path.name());
    struct stat info {};
    const int r =
        parent < 0 ? parent : sys_.fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
    *missing = r == -ENOENT || r == -ENOTDIR;
    if (*missing) return "not there";
    if (r < 0) return system_error(-r, "", "").why();
    if ((info.st_mode & S_IFMT) != type_of(entry.type)) {
      return std::string("now ") + type_text(info.st_mode);
    }
    if (entry.type == EntryType::kSymlink) return look_at_link(parent, name, entry);
    // A setgid bit on a directory is inherited from the prefix.
    const mode_t wanted = mode_of(entry);
    const mode_t ignored = entry.type == EntryType::kDirectory ? S_ISGID : 0;
    if ((info.st_mode & 07777 & ~ignored) != wanted) {
      return "mode " + mode_text(wanted) + " is now " + mode_text(info.st_mode);
    }
    if (entry.type == EntryType::kDirectory) return {};
    if (static_cast<uint64_t>(info.st_size) != entry.size_bytes) {
      return std::to_string(entry.size_bytes) + " bytes are now " + std::to_string(info.st_size);
    }
    return contents ? look_at_content(parent, name, entry, progress) : std::string();
  }

 private:
  std::string look_at_link(int parent, const std::string& name, const Entry& entry) {
    try {
      const std::string target = read_link_at(sys_, parent, name.c_str(), name);
      return target == entry.target ? "" : "leads to " + target + " instead of " + entry.target;
    } catch (const Error& error) {
      return error.why();
    }
  }

  std::string look_at_content(int parent, const std::string& name, const Entry& entry,
                              const std::function<void(uint64_t)>& progress) {
    try {
      const Fd fd = open_at(sys_, parent, name.c_str(), O_RDONLY | O_NOFOLLOW, 0, name);
      if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
      uint64_t done = 0;
      while (true) {
        stop_.check();
        const size_t got = read_up_to(sys_, fd.get(), buffer_.get(), kReadSize, name);
        hasher_.update({buffer_.get(), got});
        progress(got);
        done += got;
        if (got < kReadSize || done > entry.size_bytes) break;
      }
      const Sha256 digest = hasher_.finish();
      if (digest == entry.digest) return {};
      return "sha256 " + entry.digest.hex() + " is now " + digest.hex();
    } catch (const Error& error) {
      hasher_.finish();
      if (stop_.signal() != 0) throw;
      return error.why();
    }
  }

  Sys& sys_;
  DirectoryCache directories_;
  const StopFlag& stop_;
  Sha256Hasher hasher_;
  std::unique_ptr<std::byte[]> buffer_;
};

bool is_known(const Index& index, const std::string& path) {
  const auto at = std::ranges::lower_bound(
      index.entries, path, {},
      [](const Entry& entry) -> const std::string& { return entry.path.str(); });
  return at != index.entries.end() && at->path.str() == path;
}

// Some file systems do not tell the type with the name.
bool is_directory(Sys& sys, int parent, const DirEntry& entry) {
  if (entry.type != DT_UNKNOWN) return entry.type == DT_DIR;
  struct stat info {};
  return sys.fstatat(parent, entry.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode);
}

// Names in the index's directories that the index does not have. A strange directory is one
// difference, whatever it holds.
void find_added(Sys& sys, int release, const std::string& where, const Index& index,
                ReleaseCheck& result, const StopFlag& stop) {
  DirectoryCache directories(sys, release, 16, where);
  const auto look = [&](const std::string& path) {
    stop.check();
    int parent = release;
    std::string name = ".";
    if (!path.empty()) {
      const size_t slash = path.rfind('/');
      parent = directories.try_open(slash == std::string::npos
                                        ? std::string_view()
                                        : std::string_view(path).substr(0, slash));
      name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    }
    if (parent < 0) return;
    const int fd =
        sys.openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) return;  // reported as missing or changed
    const Fd held(sys, fd);
    std::vector<DirEntry> entries;
    if (sys.list(fd, &entries) < 0) return;
    for (const DirEntry& entry : entries) {
      const std::string inner = path.empty() ? entry.name : path + "/" + entry.name;
      if (is_known(index, inner) || inner == kBundleDir) continue;
      if (is_generated_file(inner)) {
        ++result.generated;
      } else if (entry.name == "__pycache__" && is_directory(sys, fd, entry)) {
        result.generated += 1;
      } else if (!entry.name.starts_with(".nfs")) {
        result.differences.push_back({DifferenceKind::kAdded, inner, {}});
      }
    }
  };
  look("");
  for (const Entry& entry : index.entries) {
    if (entry.type == EntryType::kDirectory) look(entry.path.str());
  }
}

}  // namespace

ReleaseCheck check_release(Sys& sys, int release, const std::string& where, const Index& index,
                           const ReleaseCheckOptions& options, EventSink& events,
                           const StopFlag& stop) {
  const auto begin = std::chrono::steady_clock::now();
  ReleaseCheck result;
  std::mutex mutex;
  uint64_t done = 0;
  if (options.contents) events.on(PhaseStarted{"verify", totals(index).file_bytes, "bytes"});
  const auto progress = [&](uint64_t bytes) {
    const std::lock_guard lock(mutex);
    done += bytes;
    events.on(PhaseProgress{done});
  };
  const size_t count = index.entries.size();
  for_each_parallel((count + kChunk - 1) / kChunk, options.jobs, [&](size_t chunk) {
    EntryChecker checker(sys, release, where, stop);
    const size_t end = std::min(count, (chunk + 1) * kChunk);
    for (size_t i = chunk * kChunk; i < end; ++i) {
      stop.check();
      const Entry& entry = index.entries[i];
      bool missing = false;
      std::string detail = checker.look(entry, options.contents, &missing, progress);
      if (detail.empty()) continue;
      const std::lock_guard lock(mutex);
      result.differences.push_back({missing ? DifferenceKind::kMissing : DifferenceKind::kChanged,
                                    entry.path.str(), std::move(detail)});
    }
  });
  if (options.added) find_added(sys, release, where, index, result, stop);
  std::ranges::sort(result.differences, {}, &Difference::path);
  result.files = totals(index).files;
  result.bytes = done;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (options.contents) events.on(PhaseFinished{"verify", took.count()});
  return result;
}

Index read_release_index(Sys& sys, int dir, const std::string& name, const std::string& where,
                         std::string* id) {
  const std::string path = name + "/" + kBundleDir + "/" + kIndexFile;
  const std::vector<std::byte> bytes =
      read_file_at(sys, dir, path.c_str(), kMaxIndexSize, where + "/" + path);
  *id = sha256(bytes).hex();
  if (name.size() < 17 || name.substr(name.size() - 16) != id->substr(0, 16)) {
    throw Error(ExitCode::kDigestMismatch, "the index of the release was changed")
        .where(where + "/" + path)
        .why("its sha256 is " + *id + ", the release is named " + name)
        .hint("remove the release with 'envinstall uninstall' and install its bundle again");
  }
  return parse_index(bytes);
}

}  // namespace eb
