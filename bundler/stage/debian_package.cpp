#include "bundler/stage/debian_package.hpp"

#include "bundler/stage/debian_layout.hpp"
#include "installer/base/error.hpp"

namespace eb {

std::vector<std::string> stage_deb(DebReader& package, std::string_view origin, Staging& staging) {
  std::vector<std::string> dropped;
  TarEntry entry;
  while (package.next(entry)) {
    const auto path = map_debian_path(entry.path);
    if (!path) continue;
    switch (entry.type) {
      case TarEntry::Type::kDirectory:
        break;  // made when something is put into it
      case TarEntry::Type::kSymlink:
        if (const auto target = map_debian_link(entry.path, entry.target)) {
          staging.add_symlink(*path, *target, origin);
        } else if (map_debian_path(entry.target) != path) {
          dropped.push_back(entry.path + " -> " + entry.target);
        }
        break;
      case TarEntry::Type::kHardLink: {
        const auto source = map_debian_path(entry.target);
        if (!source || staging.find(*source) == nullptr) {
          throw Error(ExitCode::kConflict, "a hard link names a file that is left out of a release")
              .where(entry.path + " of " + std::string(origin))
              .why("it is a link to " + entry.target);
        }
        staging.add_file(*path, staging.read(*source), staging.find(*source)->executable, origin);
        break;
      }
      case TarEntry::Type::kFile:
        staging.add_file(
            *path, [&](void* buffer, size_t size) { return package.read(buffer, size); },
            entry.executable(), origin);
        break;
    }
  }
  return dropped;
}

}  // namespace eb
