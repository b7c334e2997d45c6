#include "bundler/stage/archive_stage.hpp"

#include <optional>

#include "bundler/artifact/artifact_error.hpp"
#include "bundler/artifact/folder.hpp"
#include "bundler/artifact/tar.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

std::string origin_of(const Artifact& artifact) {
  return artifact.version.empty() ? artifact.name : artifact.name + " " + artifact.version;
}

class Placement {
 public:
  explicit Placement(const Artifact& artifact) : artifact_(artifact) {
    const std::string& destination = artifact.destination;
    if (destination.empty()) return;
    if (const auto problem = RelPath::problem(destination)) {
      throw Error(ExitCode::kInvalidLock, "an artifact has a bad destination")
          .where(origin_of(artifact) + ": '" + destination + "'")
          .why(*problem);
    }
    prefix_ = destination + "/";
  }

  /// nullopt for the destination itself.
  std::optional<RelPath> operator()(std::string_view path) const {
    std::string text = prefix_ + std::string(path);
    if (path.empty()) {
      if (prefix_.empty()) return std::nullopt;
      text.pop_back();
    }
    if (const auto problem = RelPath::problem(text)) {
      throw bad_artifact("an entry cannot be placed", origin_of(artifact_), path, *problem);
    }
    return RelPath(text);
  }

 private:
  const Artifact& artifact_;
  std::string prefix_;
};

// Without its first `count` components; nullopt when it has no more.
std::optional<std::string> stripped(std::string_view path, uint32_t count) {
  for (; count > 0; --count) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
  return std::string(path);
}

Staging::Reader file_reader(const Fd& fd, const std::string& where) {
  return [&fd, where](void* buffer, size_t size) {
    return read_up_to(real_sys(), fd.get(), buffer, size, where);
  };
}

}  // namespace

void stage_tar(const std::filesystem::path& path, const Artifact& artifact, Staging& staging) {
  const std::string origin = origin_of(artifact);
  const Placement place(artifact);
  TarReader tar(path, artifact.file_name, origin);
  TarEntry entry;
  while (tar.next(entry)) {
    const auto name = stripped(entry.path, entry.path.empty() ? 0 : artifact.strip_components);
    if (!name || name->empty()) continue;
    const RelPath to = *place(*name);
    switch (entry.type) {
      case TarEntry::Type::kDirectory:
        staging.add_directory(to, origin);
        break;
      case TarEntry::Type::kSymlink:
        staging.add_symlink(to, entry.target, origin);
        break;
      case TarEntry::Type::kFile:
        staging.add_file(
            to, [&tar](void* buffer, size_t size) { return tar.read(buffer, size); },
            entry.executable(), origin);
        break;
      case TarEntry::Type::kHardLink: {
        const auto target = stripped(entry.target, artifact.strip_components);
        const auto source = target && !target->empty() ? place(*target) : std::nullopt;
        const Staging::Item* item = source ? staging.find(*source) : nullptr;
        if (item == nullptr || item->type != Staging::Item::Type::kFile) {
          throw bad_artifact("a hard link to what is no file of the archive", origin, entry.path,
                             "it is a link to " + entry.target);
        }
        const std::string where = staging.host_path(*source).string();
        const Fd fd = open_at(real_sys(), AT_FDCWD, where.c_str(), O_RDONLY | O_NOFOLLOW, 0, where);
        staging.add_file(to, file_reader(fd, where), item->executable, origin);
        break;
      }
    }
  }
}

void stage_file(const std::filesystem::path& path, const Artifact& artifact, Staging& staging) {
  const Placement place(artifact);
  if (artifact.file_name.find('/') != std::string::npos || artifact.file_name.empty()) {
    throw Error(ExitCode::kInvalidLock, "an artifact has a bad file name")
        .where(origin_of(artifact) + ": '" + artifact.file_name + "'");
  }
  const std::string where = path.string();
  char head[4] = {};
  const Fd fd = open_at(real_sys(), AT_FDCWD, where.c_str(), O_RDONLY | O_NONBLOCK, 0, where);
  const size_t got = pread_up_to(real_sys(), fd.get(), head, sizeof head, 0, where);
  const std::string_view begin(head, got);
  staging.add_file(*place(artifact.file_name), file_reader(fd, where),
                   begin.starts_with("#!") || begin == "\177ELF", origin_of(artifact));
}

void stage_folder(const std::filesystem::path& path, const Artifact& artifact, Staging& staging) {
  const std::string origin = origin_of(artifact);
  const Placement place(artifact);
  const FolderListing listing = list_folder(path);
  const auto changed = [&path](std::string why) {
    return Error(ExitCode::kDownloadMismatch, "the folder is not the one that the lock names")
        .where(path.string())
        .why(std::move(why))
        .hint("run `envbundle lock` again to take it as it is now");
  };
  if (listing.digest() != artifact.digest) {
    throw changed("expected sha256 " + artifact.digest.hex() + " of its listing, got " +
                  listing.digest().hex());
  }
  if (const auto top = place("")) staging.add_directory(*top, origin);
  for (const FolderEntry& entry : listing.entries) {
    const RelPath to = *place(entry.path.str());
    switch (entry.type) {
      case FolderEntry::Type::kDirectory:
        staging.add_directory(to, origin);
        break;
      case FolderEntry::Type::kSymlink:
        staging.add_symlink(to, entry.target, origin);
        break;
      case FolderEntry::Type::kFile: {
        const std::string where = (path / entry.path.str()).string();
        const Fd fd = open_at(real_sys(), AT_FDCWD, where.c_str(),
                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, where);
        const auto content = staging.add_file(to, file_reader(fd, where), entry.executable, origin);
        if (content.digest != entry.digest) throw changed(entry.path.str() + " changed meanwhile");
        break;
      }
    }
  }
}

}  // namespace eb
