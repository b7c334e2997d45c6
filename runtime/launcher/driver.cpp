#include "runtime/launcher/driver.hpp"

#include "runtime/launcher/folder.hpp"
#include "runtime/launcher/image.hpp"
#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

constexpr const char* kWanted = "libcuda.so.1";

/// dl-cache.h of glibc: an optional old-format part, then the header "glibc-ld.so.cache" + "1.1" of
/// 48 bytes and entries of 24 (flags, key, value, osversion, hwcap); offsets count from the header.
bool cache_has_driver() {
  const Mapping cache = map_file("/etc/ld.so.cache");
  if (!cache) return false;
  uint64_t base = 0;
  if (cache.text().begins_with("ld.so-1.7.0")) {
    base = (16 + uint64_t{u32(cache, 12)} * 12 + 7) & ~uint64_t{7};
  }
  if (!cache.holds(base, 48) || !cache.text().from(base).begins_with("glibc-ld.so.cache1.1")) {
    return false;
  }
  const uint64_t count = u32(cache, base + 20);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t entry = base + 48 + i * 24;
    if (!cache.holds(entry, 24)) break;
    if (u32(cache, entry) != kCacheFlags) continue;
    const uint64_t key = base + u32(cache, entry + 4);
    if (!cache.holds(key, 8) || cache.data[key + 3] != 'c' || cache.data[key + 6] != 'a') continue;
    if (!(text_at(cache, key) == kWanted)) continue;
    if (is_usable(joined({text_at(cache, base + u32(cache, entry + 8))}))) return true;
  }
  return false;
}

/// What the driver's packages install; not libcudart, libcudnn and others of the toolkit.
bool is_driver_library(View name) {
  const char* const beginnings[] = {
      "libcuda.so",        "libcudadebugger.so",   "libnvidia-",         "libnvcuvid.so",
      "libnvoptix.so",     "libnvidia.so",         "libGLX_nvidia.",     "libEGL_nvidia.",
      "libGLESv2_nvidia.", "libGLESv1_CM_nvidia.", "libvdpau_nvidia.",   "libdxcore.so",
      "libd3d12",          "libnvwgf2umx.so",      "libnvdxdlkernels.so"};
  for (const char* beginning : beginnings) {
    if (name.begins_with(beginning) && name.contains(".so")) return true;
  }
  return false;
}

bool is_private_directory(const char* path) {
  Stat info{};
  return stat(path, &info, AT_SYMLINK_NOFOLLOW) == 0 && (info.st_mode & kTypeMask) == kDirectory &&
         info.st_uid == effective_user() && (info.st_mode & 077) == 0;
}

/// A directory in which nobody else can replace what is ours: owned by root or us, and either not
/// writable by others or sticky.
bool is_safe_parent(const char* path) {
  Stat info{};
  if (stat(path, &info) != 0 || (info.st_mode & kTypeMask) != kDirectory) return false;
  if (info.st_uid != 0 && info.st_uid != effective_user()) return false;
  return (info.st_mode & 022) == 0 || (info.st_mode & 01000) != 0;
}

/// PARENT/envlaunch-UID, made when missing; another name when somebody else took it.
const char* private_directory(char* const* envp, bool trust_environment) {
  const char* parents[] = {trust_environment ? variable(envp, "XDG_RUNTIME_DIR") : nullptr,
                           trust_environment ? variable(envp, "TMPDIR") : nullptr, "/tmp",
                           "/dev/shm", "/var/tmp"};
  for (const char* parent : parents) {
    if (parent == nullptr || parent[0] != '/' || View(parent).contains(":") ||
        View(parent).contains(";") || !is_safe_parent(parent)) {
      continue;
    }
    for (uint64_t attempt = 0; attempt < 4; ++attempt) {
      const char* path = joined({parent, "/envlaunch-", decimal(effective_user()),
                                 attempt == 0 ? "" : "-", attempt == 0 ? "" : decimal(attempt)});
      mkdir(path, 0700);
      if (is_private_directory(path)) return path;
    }
  }
  return nullptr;
}

/// FNV-1a, a number at a time.
uint64_t mixed(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001b3u; }

/// Changes when the driver in `place` is replaced.
uint64_t fingerprint(View place, const char* library) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < place.size; ++i) hash = mixed(hash, static_cast<unsigned char>(place[i]));
  for (const char* path : {static_cast<const char*>(joined({place})), library}) {
    Stat info{};
    if (stat(path, &info) != 0) continue;
    hash = mixed(hash, info.st_dev);
    hash = mixed(hash, info.st_ino);
    hash = mixed(hash, static_cast<uint64_t>(info.st_mtime));
    hash = mixed(hash, static_cast<uint64_t>(info.st_mtime_nsec));
  }
  return hash;
}

/// The directory of symlinks for `place`. It is made under another name and renamed, so that what
/// bears the final name is complete whoever else starts at the same moment.
const char* links_for(const char* place, const char* library, char* const* envp,
                      bool trust_environment) {
  const char* base = private_directory(envp, trust_environment);
  if (base == nullptr) return nullptr;
  const char* final = joined({base, "/", hexadecimal(fingerprint(place, library))});
  if (is_private_directory(final)) return final;
  const char* temporary = joined({final, ".", decimal(static_cast<uint64_t>(process_id()))});
  if (mkdir(temporary, 0700) < 0) return nullptr;
  bool good = for_each_name(place, [&](View name) {
    if (is_driver_library(name)) {
      symlink(joined({place, "/", name}), joined({temporary, "/", name}));
    }
  });
  good = good && access(joined({temporary, "/", kWanted}), 0) == 0;
  if (good && rename(temporary, final) == 0) return final;
  for_each_name(temporary, [&](View name) {
    if (!(name == ".") && !(name == "..")) unlink(joined({temporary, "/", name}));
  });
  unlink(temporary, AT_REMOVEDIR);
  return is_private_directory(final) ? final : nullptr;
}

/// Ends with /libcuda.so.1 and may be loaded; toolkits ship a "stubs" directory whose libcuda only
/// answers with an error.
const char* driver_in(View place) {
  if (place.empty() || place[0] != '/' || place.contains("$") || base_name(place) == "stubs") {
    return nullptr;
  }
  const char* library = joined({place, "/", kWanted});
  return is_usable(library) ? library : nullptr;
}

}  // namespace

const char* find_driver(const Loader& loader, char* const* envp, bool trust_environment) {
  if (cache_has_driver()) return nullptr;
  const char* multiarch = joined({"/usr/lib/", kMultiarch});
  const bool debian_loader = !loader.host || View(loader.path).contains(kMultiarch);
  if (debian_loader && driver_in(multiarch) != nullptr) return nullptr;

  const char* listed = trust_environment ? variable(envp, "LD_LIBRARY_PATH") : nullptr;
  View rest = listed == nullptr ? View() : View(listed);
  for (View group; next_part(&rest, ':', &group);) {
    for (View place; next_part(&group, ';', &place);) {
      const char* library = driver_in(place);
      if (library == nullptr) continue;
      const char* links = links_for(joined({place}), library, envp, trust_environment);
      if (links == nullptr) {
        say("warning", {"cannot make a private directory for the driver's libraries of ", place,
                        "; CUDA will not find its driver (set TMPDIR to a directory of your own)"});
      }
      return links;
    }
  }
  const char* const known[] = {"/usr/lib/wsl/lib",
                               "/.singularity.d/libs",
                               "/usr/local/nvidia/lib64",
                               "/usr/local/nvidia/lib",
                               "/run/opengl-driver/lib",
                               multiarch,
                               joined({multiarch, "/nvidia/current"}),
                               "/usr/lib64",
                               "/usr/lib64/nvidia"};
  for (const char* place : known) {
    const char* library = driver_in(place);
    if (library != nullptr) return links_for(place, library, envp, trust_environment);
  }
  return nullptr;
}

}  // namespace eb::launcher
