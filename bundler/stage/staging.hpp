#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {

/// The tree under construction: a real directory that only this object writes to, and a record of
/// which artifact brought each path. add_file(), add_symlink(), add_directory(), find() and read()
/// may be called by many threads at once, for different artifacts; everything else is for one
/// thread.
///
/// Two artifacts may bring the same path when type, content and mode agree. Everything else is a
/// conflict; conflicts are collected, so that a person sees all of them at once
/// (check_conflicts()). Directories are implied by what they hold; missing parents are made.
class Staging {
 public:
  struct Item {
    enum class Type { kFile, kSymlink, kDirectory } type = Type::kFile;
    bool executable = false;
    uint64_t size_bytes = 0;
    Sha256 digest{};       ///< of the content; files only
    std::string target{};  ///< symlinks only
    std::vector<std::string>
        origins{};  ///< artifacts that brought it, e.g. "numpy 2.3.1", first one first
  };

  /// Reads up to `size` bytes into `buffer`; 0 at the end; throws Error.
  using Reader = std::function<size_t(void* buffer, size_t size)>;

  /// `root` must not exist or be an empty directory.
  explicit Staging(std::filesystem::path root);

  /// What an artifact brought, whether it was written or only compared with what is there.
  struct Content {
    uint64_t size_bytes = 0;
    Sha256 digest;
  };

  Content add_file(const RelPath& path, Bytes content, bool executable, std::string_view origin);
  /// Streams: memory does not grow with the file. When `read` throws, nothing is left of it.
  Content add_file(const RelPath& path, const Reader& read, bool executable,
                   std::string_view origin);
  /// `target` is relative and must stay inside the root (else Error kConflict naming the origin).
  /// It may point at something that comes later or never.
  void add_symlink(const RelPath& path, std::string_view target, std::string_view origin);
  void add_directory(const RelPath& path, std::string_view origin);

  /// Changes of our own after the artifacts are in (launchers, edits of the base). They never
  /// conflict.
  /// A file or symlink at `path` is replaced, its origins forgotten; a directory is kInternal.
  void replace_file(const RelPath& path, Bytes content, bool executable, std::string_view origin);
  /// Both take a directory with all that it holds. kInternal when `from` (`path`) is not staged or
  /// `to` is.
  void rename(const RelPath& from, const RelPath& to);
  void remove(const RelPath& path);
  /// Takes over files that a program made in the root (bytecode). Scans below `directory` ("" = the
  /// root); a known path keeps its record. kConflict for anything but files, directories and
  /// symlinks.
  void adopt_new_files(std::string_view directory, std::string_view origin);

  const Item* find(const RelPath& path) const;
  const std::map<RelPath, Item>& items() const { return items_; }
  std::vector<std::byte> read(const RelPath& path) const;
  std::filesystem::path host_path(const RelPath& path) const { return root_ / path.str(); }
  const std::filesystem::path& root() const { return root_; }

  /// Throws Error(kConflict) that lists every conflict (path, both artifacts, sizes or types), and
  /// every symlink that, followed through other symlinks, leaves the root or goes in a circle
  /// (FAULTS F100).
  void check_conflicts() const;
  /// Throws Error(kConflict) that lists every two names in one folder that differ only in case or
  /// normal form (F101). For the tree as it will be: much of what the artifacts bring is left out.
  void check_names() const;

  /// Puts the origins of each item, and of each conflict, into the order in which `origins` names
  /// them: after several threads, what is found first is chance.
  void order_origins(const std::vector<std::string>& origins);

 private:
  struct Conflict {
    RelPath path;
    std::string first_origin, first, second_origin, second, detail;
  };
  Content write(const RelPath& path, const Reader& read, bool executable) const;
  static Content hash(const Reader& read);
  void record(const RelPath& path, Item item, std::string_view origin);
  bool merge_existing(const RelPath& path, const Item& next, std::string_view origin);
  bool is_being_written(const RelPath& path, const std::string& what, std::string_view origin);
  bool make_parents(const RelPath& path, std::string_view origin);
  std::string link_problem(const RelPath& link) const;
  Item& at(const RelPath& path);

  std::filesystem::path root_;
  std::map<RelPath, Item> items_;
  std::vector<Conflict> conflicts_;
  mutable std::mutex mutex_;  ///< of all members; not held while content is read and written
  std::map<RelPath, std::string> being_written_;  ///< files that a thread is at, with origin
  /// Known to be a staged directory that `last_origin_` fills: saves a look-up a file.
  std::string last_parent_, last_origin_;
};

}  // namespace eb
