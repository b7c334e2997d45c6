#include "bundler/artifact/folder.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "bundler/artifact/artifact_error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kBufferBytes = size_t{256} * 1024;

class Lister {
 public:
  explicit Lister(const std::filesystem::path& root) : root_(root.string()) {}

  FolderListing run() {
    const Fd top = open_at(sys_, AT_FDCWD, root_.c_str(), O_RDONLY | O_DIRECTORY, 0, root_);
    list(top.get(), "");
    auto& entries = listing_.entries;
    std::sort(entries.begin(), entries.end(),
              [](const FolderEntry& a, const FolderEntry& b) { return a.path < b.path; });
    for (const FolderEntry& entry : entries) append_line(entry);
    return std::move(listing_);
  }

 private:
  [[noreturn]] void fail(const std::string& path, std::string what, std::string why) const {
    throw bad_artifact(std::move(what), root_, path, std::move(why));
  }

  void list(int dir, const std::string& prefix) {
    std::vector<DirEntry> names;
    if (const int r = sys_.list(dir, &names); r < 0) {
      throw system_error(-r, "cannot list a folder", root_ + "/" + prefix);
    }
    for (const DirEntry& name : names) {
      const std::string text = prefix + name.name;
      const auto path = RelPath::parse(text);
      if (!path) fail(text, "a folder holds a bad name", *RelPath::problem(text));
      add(dir, name.name.c_str(), *path);
    }
  }

  void add(int dir, const char* name, const RelPath& path) {
    struct stat info {};
    if (const int r = sys_.fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW); r < 0) {
      throw system_error(-r, "cannot look at", root_ + "/" + path.str());
    }
    FolderEntry entry{.path = path, .digest = {}, .target = {}};
    if (S_ISLNK(info.st_mode)) {
      entry.type = FolderEntry::Type::kSymlink;
      entry.target = read_link_at(sys_, dir, name, root_ + "/" + path.str());
      const bool plain = std::none_of(entry.target.begin(), entry.target.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      });
      if (!plain) fail(path.str(), "a symlink has a bad target", "it holds a control character");
    } else if (S_ISDIR(info.st_mode)) {
      entry.type = FolderEntry::Type::kDirectory;
      const Fd below = open_dir_at(sys_, dir, name, root_ + "/" + path.str());
      list(below.get(), path.str() + "/");
    } else if (S_ISREG(info.st_mode)) {
      entry.executable = (info.st_mode & S_IXUSR) != 0;
      hash(dir, name, entry);
    } else {
      fail(path.str(), "a folder holds something that cannot be installed",
           "only files, directories and symlinks are allowed");
    }
    listing_.entries.push_back(std::move(entry));
  }

  void hash(int dir, const char* name, FolderEntry& entry) {
    const std::string where = root_ + "/" + entry.path.str();
    const Fd fd = open_at(sys_, dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, where);
    Sha256Hasher hasher;
    while (const size_t got = read_up_to(sys_, fd.get(), buffer_.data(), buffer_.size(), where)) {
      hasher.update(Bytes(buffer_.data(), got));
      entry.size_bytes += got;
    }
    entry.digest = hasher.finish();
  }

  void append_line(const FolderEntry& entry) {
    std::string& text = listing_.text;
    switch (entry.type) {
      case FolderEntry::Type::kDirectory:
        text += "directory\t" + entry.path.str();
        break;
      case FolderEntry::Type::kSymlink:
        text += "symlink\t" + entry.path.str() + "\t" + entry.target;
        break;
      case FolderEntry::Type::kFile:
        text += (entry.executable ? "executable\t" : "file\t") + entry.path.str() + "\t" +
                std::to_string(entry.size_bytes) + "\t" + entry.digest.hex();
        break;
    }
    text += "\n";
  }

  Sys& sys_ = real_sys();
  std::string root_;
  FolderListing listing_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kBufferBytes);
};

}  // namespace

FolderListing list_folder(const std::filesystem::path& root) { return Lister(root).run(); }

}  // namespace eb
