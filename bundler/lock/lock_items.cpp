#include "bundler/lock/lock_items.hpp"

#include <fcntl.h>

#include <array>

#include "bundler/artifact/folder.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

ArtifactKind kind_of(ManifestItem::Kind kind) {
  switch (kind) {
    case ManifestItem::Kind::kTar:
      return ArtifactKind::kTar;
    case ManifestItem::Kind::kFile:
      return ArtifactKind::kFile;
    case ManifestItem::Kind::kFolder:
      return ArtifactKind::kFolder;
  }
  return ArtifactKind::kFile;
}

std::string last_part(std::string source) {
  source = source.substr(0, source.find_first_of("?#"));
  while (source.size() > 1 && source.back() == '/') source.pop_back();
  return source.substr(source.rfind('/') + 1);
}

void hash_file(const std::filesystem::path& path, Artifact& out) {
  const std::string where = path.string();
  const Fd file = open_at(real_sys(), AT_FDCWD, path.c_str(), O_RDONLY, 0, where);
  Sha256Hasher hasher;
  std::array<std::byte, 65536> buffer;
  while (const size_t count =
             read_up_to(real_sys(), file.get(), buffer.data(), buffer.size(), where)) {
    hasher.update(Bytes(buffer).first(count));
    out.size_bytes += count;
  }
  out.digest = hasher.finish();
}

}  // namespace

std::vector<Artifact> lock_items(const Manifest& manifest,
                                 const std::filesystem::path& lock_directory) {
  std::vector<Artifact> out;
  for (const auto& item : manifest.items) {
    Artifact artifact;
    artifact.kind = kind_of(item.kind);
    artifact.name = item.name;
    artifact.version = item.version;
    artifact.licence = item.licence;
    artifact.asked_by = {"manifest"};
    artifact.destination = item.destination;
    artifact.strip_components = item.strip_components;
    artifact.file_name = last_part(item.source);
    if (item.is_url) {
      artifact.source = item.source;
      artifact.digest = *item.digest;
      artifact.size_bytes = *item.size_bytes;
      out.push_back(std::move(artifact));
      continue;
    }
    const std::filesystem::path path =
        std::filesystem::absolute(manifest.directory / item.source).lexically_normal();
    const auto from = std::filesystem::absolute(lock_directory).lexically_normal();
    // An absolute path in the manifest is meant as it stands.
    artifact.source = std::filesystem::path(item.source).is_absolute()
                          ? item.source
                          : path.lexically_relative(from).string();
    artifact.file_name = last_part(path.string());
    if (item.kind == ManifestItem::Kind::kFolder) {
      const FolderListing listing = list_folder(path);
      artifact.digest = listing.digest();
      artifact.size_bytes = listing.size_bytes();
    } else {
      hash_file(path, artifact);
    }
    if (item.digest && *item.digest != artifact.digest) {
      throw Error(ExitCode::kDownloadMismatch,
                  "'" + item.source + "' is not what the manifest says")
          .where(path.string())
          .why("expected sha256 " + item.digest->hex() + ", got " + artifact.digest.hex());
    }
    out.push_back(std::move(artifact));
  }
  return out;
}

}  // namespace eb
