#include "installer/install/trash.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/index.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/image_form.hpp"
#include "installer/install/receipt.hpp"

namespace eb {
namespace {

constexpr size_t kOpenDirectories = 16;

class TrashRun {
 public:
  TrashRun(Sys& sys, int trash, std::string where)
      : sys_(sys), trash_(trash), directories_(sys, trash, kOpenDirectories, std::move(where)) {}

  TrashResult result;
  bool only_nfs = true;  ///< of what is left: files that NFS keeps until their last user is gone

  void remove_file(std::string_view parent, const std::string& name) {
    const int r = sys_.unlinkat(directory(parent), name.c_str(), 0);
    if (r == 0) ++result.removed;
    // EISDIR: somebody replaced a file by a directory, which is not ours to remove.
    if (r < 0 && r != -ENOENT && r != -EISDIR && r != kGone) {
      throw system_error(-r, "cannot remove", path_of(parent, name));
    }
  }

  // A directory of the release, after what the index names in it is gone.
  void remove_directory(std::string_view parent, const std::string& name) {
    const std::string path = join(parent, name);
    int r = sys_.unlinkat(directory(parent), name.c_str(), AT_REMOVEDIR);
    if (is_not_empty(r)) {
      remove_generated(path);
      r = sys_.unlinkat(directory(parent), name.c_str(), AT_REMOVEDIR);
    }
    if (is_not_empty(r)) {
      note_left(path);
    } else if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != kGone) {
      throw system_error(-r, "cannot remove", path_of(parent, name));
    }
  }

  // What is neither the index's nor generated: the last look at a directory that stays.
  void note_left(const std::string& path) {
    for (const DirEntry& entry : list(path)) {
      const std::string inner = join(path, entry.name);
      // A directory of the index that stayed was noted when its turn came.
      if (std::ranges::find(stayed_, inner) != stayed_.end()) continue;
      if (inner == kBundleDir) continue;
      if (!entry.name.starts_with(".nfs")) only_nfs = false;
      ++result.left_count;
      if (result.left.size() < kMaxLeft) result.left.push_back(inner);
    }
    stayed_.push_back(path);
  }

 private:
  static constexpr int kGone = -EBADF;  // of a directory that is not there any more

  static bool is_not_empty(int r) { return r == -ENOTEMPTY || r == -EEXIST; }
  static std::string join(std::string_view parent, const std::string& name) {
    return parent.empty() ? name : std::string(parent) + "/" + name;
  }
  std::string path_of(std::string_view parent, const std::string& name) const {
    return directories_.where(join(parent, name));
  }

  // -1 where an earlier run, or a person, removed it: calls then answer EBADF.
  int directory(std::string_view path) {
    if (path.empty()) return trash_;
    const int fd = directories_.try_open(path);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) return -1;
    if (fd < 0) throw system_error(-fd, "cannot open the folder", directories_.where(path));
    return fd;
  }

  std::vector<DirEntry> list(const std::string& path) {
    std::vector<DirEntry> out;
    const size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    int fd = 0;
    do {
      fd = sys_.openat(directory(parent), name.empty() ? "." : name.c_str(),
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    } while (fd == -EINTR);
    if (fd < 0) return out;  // not there, or no directory
    const Fd held(sys_, fd);
    if (const int r = sys_.list(fd, &out); r < 0) {
      throw system_error(-r, "cannot list the folder", directories_.where(path));
    }
    return out;
  }

  void remove_generated(const std::string& path) {
    const bool is_cache = path == "__pycache__" || path.ends_with("/__pycache__");
    for (const DirEntry& entry : list(path)) {
      const std::string inner = join(path, entry.name);
      if (is_cache && is_generated_file(inner)) remove_file(path, entry.name);
      if (!is_cache && entry.name == "__pycache__") {
        for (const DirEntry& file : list(inner)) {
          if (is_generated_file(join(inner, file.name))) remove_file(inner, file.name);
        }
        sys_.unlinkat(directory(path), entry.name.c_str(), AT_REMOVEDIR);
      }
    }
  }

  Sys& sys_;
  int trash_;
  DirectoryCache directories_;
  std::vector<std::string> stayed_;
};

std::optional<Index> read_index(Sys& sys, int trash, const std::string& where) {
  const std::string path = std::string(kBundleDir) + "/" + kIndexFile;
  try {
    return parse_index(read_file_at(sys, trash, path.c_str(), kMaxIndexSize, where));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// What the release has as files: of one in image form the image, and what lies beside it.
std::optional<Index> read_own_index(Sys& sys, int trash, const std::string& where) {
  std::optional<Index> own = read_index(sys, trash, where);
  if (!own) return std::nullopt;
  try {
    const auto record = read_image_record(sys, trash, ".", where);
    if (!record) return own;
    own = outer_index(*own, record->outside);
  } catch (const Error&) {
    // Every name beside the image is one of the tree, too.
  }
  const Entry image{.path = RelPath(kImageFile), .digest = {}, .target = {}};
  own->entries.insert(std::ranges::upper_bound(own->entries, image.path, {}, &Entry::path), image);
  return own;
}

}  // namespace

bool is_generated_file(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || !path.ends_with(".pyc")) return false;
  const std::string_view parent = path.substr(0, slash);
  return parent == "__pycache__" || parent.ends_with("/__pycache__");
}

TrashResult empty_trash(Sys& sys, const Prefix& prefix, const std::string& trash) {
  const std::string where = prefix.at(kStateDir) + "/" + trash;
  TrashResult result;
  {
    const Fd dir = open_dir_at(sys, prefix.state.get(), trash.c_str(), where);
    TrashRun run(sys, dir.get(), where);
    if (const std::optional<Index> index = read_own_index(sys, dir.get(), where)) {
      for (const Entry& entry : index->entries) {
        if (entry.type != EntryType::kDirectory) {
          run.remove_file(entry.path.parent(), std::string(entry.path.name()));
        }
      }
      for (auto entry = index->entries.rbegin(); entry != index->entries.rend(); ++entry) {
        if (entry->type == EntryType::kDirectory) {
          run.remove_directory(entry->path.parent(), std::string(entry->path.name()));
        }
      }
      if (run.result.left_count > 0 && run.only_nfs) return run.result;
      // The index goes last: as long as it is there, an interrupted removal can be taken up again.
      for (const char* name : {kReceiptFile, kSignaturesFile, kImageRecordFile, kIndexFile}) {
        run.remove_file(kBundleDir, name);
      }
    } else if (sys.faccessat(dir.get(), (std::string(kBundleDir) + "/" + kIndexFile).c_str(),
                             F_OK) == -ENOENT) {
      // The end of a removal that was interrupted at its end.
      for (const char* name : {kReceiptFile, kSignaturesFile, kImageRecordFile}) {
        run.remove_file(kBundleDir, name);
      }
    }
    run.remove_directory("", kBundleDir);
    result = run.result;
    const int r = sys.unlinkat(prefix.state.get(), trash.c_str(), AT_REMOVEDIR);
    if (r == 0 || r == -ENOENT) return result;
    if (r != -ENOTEMPTY && r != -EEXIST) throw system_error(-r, "cannot remove", where);
    run.note_left("");
    result = run.result;
  }
  const std::string kept = "kept-" + trash.substr(trash.find('-') + 1);
  result.kept_at = prefix.at(kStateDir) + "/" + kept;
  if (const int r =
          sys.renameat(prefix.state.get(), trash.c_str(), prefix.state.get(), kept.c_str());
      r < 0 && sys.faccessat(prefix.state.get(), kept.c_str(), F_OK) < 0) {
    throw system_error(-r, "cannot rename", where);
  }
  return result;
}

}  // namespace eb
