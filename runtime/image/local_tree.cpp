#include "runtime/image/local_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/container.hpp"
#include "installer/image/image_reader.hpp"
#include "runtime/image/private_folder.hpp"

namespace eb::image {
namespace {

namespace fs = std::filesystem;

constexpr auto kLockLimit = std::chrono::seconds(900);
constexpr unsigned kMaxJobs = 16;
constexpr size_t kChunk = 64;  // files that a worker takes at once

std::vector<std::string> parents() {
  std::vector<std::string> out;
  for (const char* name : {"ENVIMAGE_DIR", "SLURM_TMPDIR", "TMPDIR"}) {
    if (const auto value = variable(name)) out.push_back(*value);
  }
  for (const char* parent : {"/local", "/scratch/local", "/dev/shm", "/tmp"})
    out.emplace_back(parent);
  return out;
}

// A tree belongs to no job, because nothing serves it, and to no prefix: the release's name ends in
// what its index was signed for, and every file was compared with that.
std::string key_of(const Place& place) { return "tree-" + place.release_name(); }

Index read_index(const Place& place) {
  const std::string path = place.release + "/.bundle/index";
  const std::vector<std::byte> bytes =
      read_file_at(real_sys(), AT_FDCWD, path.c_str(), kMaxIndexSize, path);
  const std::string id = sha256(bytes).hex();
  if (!place.release.ends_with(id.substr(0, 16))) {
    throw Error(ExitCode::kDigestMismatch, "the index of the release was changed").where(path);
  }
  return parse_index(bytes);
}

// Words for what speaks against a place; empty = nothing.
std::string unfit(const std::string& folder, const Index& index) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return std::strerror(errno);
  if ((info.f_flag & ST_NOEXEC) != 0) return "programs cannot be started from there";
  const uint64_t free = info.f_bavail * info.f_frsize;
  const IndexTotals sums = totals(index);
  // Half a block a file is lost, and some is for everybody else.
  const uint64_t needed = sums.file_bytes + index.entries.size() * info.f_frsize / 2;
  if (free < needed + needed / 20) {
    return std::to_string(free / 1'000'000) + " MB are free, needed are " +
           std::to_string(needed / 1'000'000);
  }
  if (info.f_files != 0 && info.f_favail < index.entries.size() + 64) return "too few inodes";
  return {};
}

class Unpacking {
 public:
  Unpacking(const Place& place, const Index& index, std::string folder)
      : index_(index),
        folder_(std::move(folder)),
        file_(open_at(real_sys(), AT_FDCWD, place.image().c_str(), O_RDONLY, 0, place.image())),
        image_(real_sys(), file_.get(), place.image()) {}

  void run() {
    ::umask(022);
    fs::create_directory(folder_);
    for (const Entry& entry : index_.entries) {
      if (entry.type == EntryType::kDirectory) fs::create_directory(path_of(entry));
    }
    const size_t count = index_.entries.size();
    const unsigned jobs = std::min(available_cpus(), kMaxJobs);
    for_each_parallel((count + kChunk - 1) / kChunk, jobs, [&](size_t chunk) {
      ImageReader::Content content(image_);
      for (size_t i = chunk * kChunk; i < std::min(count, (chunk + 1) * kChunk); ++i) {
        if (index_.entries[i].type == EntryType::kFile) write(content, index_.entries[i]);
      }
    });
    // Last of all, as in an install: while files are written there is no link to lead through.
    for (const Entry& entry : index_.entries) {
      if (entry.type == EntryType::kSymlink) fs::create_symlink(entry.target, path_of(entry));
    }
  }

 private:
  std::string path_of(const Entry& entry) const { return folder_ + "/" + entry.path.str(); }

  void write(ImageReader::Content& content, const Entry& entry) {
    const std::string path = path_of(entry);
    Fd fd = create_at(real_sys(), AT_FDCWD, path.c_str(), entry.executable ? 0755 : 0644, path);
    Sha256Hasher hasher;
    content.read(entry.path, [&](Bytes piece) {
      hasher.update(piece);
      write_all(real_sys(), fd.get(), piece, path);
    });
    close_written(real_sys(), std::move(fd), path);
    const Sha256 digest = hasher.finish();
    if (digest == entry.digest) return;
    throw Error(ExitCode::kDigestMismatch, "a file in the image is not what was signed")
        .where(entry.path.str())
        .why("expected sha256 " + entry.digest.hex() + ", got " + digest.hex())
        .hint("install the bundle again");
  }

  const Index& index_;
  const std::string folder_;
  const Fd file_;
  const ImageReader image_;
};

bool is_there(const std::string& tree) {
  struct stat info {};
  return ::lstat(tree.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// What was renamed last is whole.
void unpack_to(const Place& place, const Index& index, const std::string& folder,
               const std::string& tree) {
  const std::string part = folder + "/part";
  fs::remove_all(part);  // of one that was killed: the lock is ours
  std::cerr << "envimage: unpacking " << place.release_name() << " to " << folder << " ("
            << totals(index).file_bytes / 1'000'000 << " MB, once on this node)\n"
            << std::flush;
  try {
    Unpacking(place, index, part).run();
    fs::rename(part, tree);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    throw;
  }
}

}  // namespace

std::string reach_local_tree(const Place& place, std::string* why) {
  std::optional<Index> index;
  for (const bool may_unpack : {false, true}) {
    for (const std::string& parent : parents()) {
      std::string problem;
      const std::string tree_below = "/" + place.release_name();
      if (!may_unpack) {
        std::string tree = parent;
        tree.append("/envbundle-").append(std::to_string(::geteuid())).append("/");
        tree.append(key_of(place)).append(tree_below);
        if (is_there(tree) && private_folder(parent, key_of(place), &problem)) return tree;
        continue;
      }
      const auto folder = private_folder(parent, key_of(place), &problem);
      if (!folder) {
        *why += "; " + problem;
        continue;
      }
      std::string tree = *folder + tree_below;
      if (!index) index = read_index(place);
      if (problem = unfit(*folder, *index); !problem.empty() && !is_there(tree)) {
        *why += "; " + *folder + ": " + problem;
        ::rmdir(folder->c_str());
        continue;
      }
      const Fd lock = lock_folder(*folder, kLockLimit, [] {
        std::cerr << "envimage: waiting for another process that unpacks the release\n"
                  << std::flush;
      });
      if (!is_there(tree)) unpack_to(place, *index, *folder, tree);
      return tree;
    }
  }
  return {};
}

}  // namespace eb::image
