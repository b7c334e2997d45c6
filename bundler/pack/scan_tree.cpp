#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <numeric>

#include "bundler/pack/tree.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr size_t kReadSize = 1u << 20;

struct Scan {
  std::filesystem::path root;
  std::vector<Entry> entries;
  std::vector<std::string> problems;  ///< "PATH: reason"
};

void scan_folder(Scan& scan, int dir, const std::string& below) {
  std::vector<DirEntry> names;
  const std::string shown = below.empty() ? scan.root.string() : (scan.root / below).string();
  if (const int r = real_sys().list(dir, &names); r < 0) {
    throw system_error(-r, "cannot list the folder", shown);
  }
  for (const DirEntry& item : names) {
    const std::string path = below.empty() ? item.name : below + "/" + item.name;
    if (const auto problem = RelPath::problem(path)) {
      scan.problems.push_back(path + ": " + *problem);
      continue;
    }
    struct stat info {};
    const int r = real_sys().fstatat(dir, item.name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
    if (r < 0) throw system_error(-r, "cannot look at", (scan.root / path).string());
    Entry entry{.path = RelPath(path), .digest = {}, .target = {}};
    if (S_ISDIR(info.st_mode)) {
      entry.type = EntryType::kDirectory;
      scan.entries.push_back(std::move(entry));
      const Fd child = open_dir_at(real_sys(), dir, item.name.c_str(), (scan.root / path).string());
      scan_folder(scan, child.get(), path);
    } else if (S_ISREG(info.st_mode)) {
      entry.type = EntryType::kFile;
      entry.executable = (info.st_mode & S_IXUSR) != 0;
      entry.size_bytes = static_cast<uint64_t>(info.st_size);
      scan.entries.push_back(std::move(entry));
    } else if (S_ISLNK(info.st_mode)) {
      entry.type = EntryType::kSymlink;
      entry.target = read_link_at(real_sys(), dir, item.name.c_str(), (scan.root / path).string());
      if (!resolve_link(entry.path, entry.target)) {
        scan.problems.push_back(path + ": its target '" + entry.target + "' is not inside");
      }
      scan.entries.push_back(std::move(entry));
    } else {
      scan.problems.push_back(path + ": neither file, directory nor symlink");
    }
  }
}

void hash_file(int root, const std::string& where, Entry& entry) {
  const Fd fd =
      open_at(real_sys(), root, entry.path.str().c_str(), O_RDONLY | O_NOFOLLOW, 0, where);
  std::vector<std::byte> buffer(
      static_cast<size_t>(std::clamp<uint64_t>(entry.size_bytes + 1, 1, kReadSize)));
  Sha256Hasher hasher;
  uint64_t size = 0;
  while (const size_t got = read_up_to(real_sys(), fd.get(), buffer.data(), buffer.size(), where)) {
    hasher.update(Bytes(buffer).first(got));
    size += got;
  }
  if (size != entry.size_bytes) {
    throw Error(ExitCode::kIo, "a file changed while it was read")
        .where(where)
        .why(std::to_string(entry.size_bytes) + " bytes before, " + std::to_string(size) + " now");
  }
  entry.digest = hasher.finish();
}

}  // namespace

Tree scan_tree(const std::filesystem::path& root, unsigned threads) {
  Scan scan{.root = root, .entries = {}, .problems = {}};
  const Fd dir =
      open_at(real_sys(), AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY, 0, root.string());
  scan_folder(scan, dir.get(), "");
  if (!scan.problems.empty()) {
    std::sort(scan.problems.begin(), scan.problems.end());
    std::string why;
    for (const std::string& problem : scan.problems) {
      why += (why.empty() ? "" : "; ") + problem;
    }
    throw Error(ExitCode::kConflict, "the tree holds what a bundle cannot hold")
        .where(root.string())
        .why(std::move(why));
  }
  std::sort(scan.entries.begin(), scan.entries.end(),
            [](const Entry& a, const Entry& b) { return a.path < b.path; });

  // Largest first: a thread that begins an 800 MB library last would keep the others waiting.
  std::vector<uint32_t> by_size(scan.entries.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(), [&](uint32_t a, uint32_t b) {
    return scan.entries[a].size_bytes > scan.entries[b].size_bytes;
  });
  for_each_parallel(by_size.size(), threads, [&](size_t i) {
    Entry& entry = scan.entries[by_size[i]];
    if (entry.type == EntryType::kFile) {
      hash_file(dir.get(), (root / entry.path.str()).string(), entry);
    }
  });
  return {root, std::move(scan.entries)};
}

}  // namespace eb
