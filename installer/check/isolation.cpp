#include "installer/check/isolation.hpp"

#include <algorithm>
#include <optional>

namespace eb {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kGlibcFolder = "lib/glibc";
constexpr std::string_view kCompatFolder = "lib/cuda-compat";

// What the kernel and the reporting program make of a path.
std::string as_mapped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '\n') {
      out += "\\012";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 = 0
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

struct MappedFile {
  std::string path;                   // as it came
  std::string_view name;              // base name, without " (deleted)"
  std::optional<std::string> inside;  // path below the release; nullopt = outside
  std::string_view clean;             // path without " (deleted)"
};

MappedFile located(const std::string& path, const std::vector<std::string>& releases) {
  MappedFile out{path, {}, std::nullopt, path};
  if (out.clean.ends_with(kDeleted)) out.clean.remove_suffix(kDeleted.size());
  out.name = base_name(out.clean);
  // "/release/../host/lib" would pass for a file of the release; the kernel never shows such.
  const bool has_dots = out.clean.find("/../") != std::string_view::npos;
  for (const std::string& release : releases) {
    if (!has_dots && is_below(out.clean, release)) {
      out.inside = out.clean.substr(release.size() + 1);
      break;
    }
  }
  return out;
}

bool is_stub(std::string_view path) { return path.find("/stubs/") != std::string_view::npos; }

GlibcSide side_of(const MappedFile& file) {
  return file.inside ? GlibcSide::kRelease : GlibcSide::kHost;
}

bool is_loader(std::string_view name) { return name.starts_with("ld-") || name.starts_with("ld."); }

// The loader decides: it was chosen, and what it finds follows. Without it the C library does.
const MappedFile* deciding(const std::vector<MappedFile>& files) {
  const MappedFile* libc = nullptr;
  for (const MappedFile& file : files) {
    if (!is_glibc_library(file.name)) continue;
    if (is_loader(file.name)) return &file;
    if (libc == nullptr || (file.name.starts_with("libc") && !libc->name.starts_with("libc"))) {
      libc = &file;
    }
  }
  return libc;
}

}  // namespace

bool is_driver_library(std::string_view base_name) {
  // As in the launcher (runtime/launcher/driver.cpp), of which the names come.
  static constexpr std::string_view kBeginnings[] = {
      "libcuda.so",        "libcudadebugger.so",   "libnvidia-",         "libnvcuvid.so",
      "libnvoptix.so",     "libnvidia.so",         "libGLX_nvidia.",     "libEGL_nvidia.",
      "libGLESv2_nvidia.", "libGLESv1_CM_nvidia.", "libvdpau_nvidia.",   "libdxcore.so",
      "libd3d12",          "libnvwgf2umx.so",      "libnvdxdlkernels.so"};
  return std::ranges::any_of(kBeginnings, [&](std::string_view beginning) {
    return base_name.starts_with(beginning) && base_name.find(".so") != std::string_view::npos;
  });
}

bool is_glibc_library(std::string_view base_name) {
  static constexpr std::string_view kNames[] = {
      "libc", "libm", "libmvec", "libpthread", "libdl", "librt", "libresolv", "libutil", "libanl"};
  if (is_loader(base_name)) return base_name.find(".so") != std::string_view::npos;
  // "libc.so.6", and "libc-2.31.so" up to glibc 2.33; not "libc10.so" or "libc++.so.1".
  return std::ranges::any_of(kNames, [&](std::string_view name) {
    if (!base_name.starts_with(name)) return false;
    const std::string_view rest = base_name.substr(name.size());
    return rest.starts_with(".so") || (rest.starts_with("-2.") && rest.ends_with(".so"));
  });
}

const char* glibc_side_name(GlibcSide side) {
  switch (side) {
    case GlibcSide::kRelease:
      return "release";
    case GlibcSide::kHost:
      return "host";
    case GlibcSide::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Isolation judge_isolation(const std::vector<std::string>& maps,
                          const std::vector<std::string>& releases) {
  std::vector<std::string> roots;
  for (const std::string& release : releases) {
    if (!release.empty()) roots.push_back(as_mapped(release));
  }
  std::vector<MappedFile> files;
  files.reserve(maps.size());
  for (const std::string& path : maps) files.push_back(located(path, roots));

  Isolation out;
  const std::string release = roots.empty() ? "the release" : roots.front();
  const std::string in_release = "a file below " + release;
  const MappedFile* const decider = deciding(files);
  if (decider != nullptr) out.glibc = side_of(*decider);
  for (const MappedFile& file : files) {
    const auto violation = [&](std::string expected) {
      out.violations.push_back({file.path, std::move(expected)});
    };
    if (file.inside) ++out.release_files;
    if (is_glibc_library(file.name)) {
      if (side_of(file) != out.glibc) {
        violation("of one piece with " + std::string(decider->clean));
      } else if (file.inside && !is_below(*file.inside, kGlibcFolder)) {
        violation("a file below " + release + "/" + std::string(kGlibcFolder));
      }
    } else if (is_driver_library(file.name)) {
      if (is_stub(file.clean)) {
        violation("the driver's own library: a stub only answers with an error");
      } else if (file.inside && !is_below(*file.inside, kCompatFolder)) {
        violation("the driver's own library of this machine, or a file below " + release + "/" +
                  std::string(kCompatFolder));
      } else {
        ++out.driver_files;
      }
    } else if (!file.inside) {
      violation(in_release);
    }
  }
  out.judged = !files.empty();
  return out;
}

Isolation merged(const std::vector<Isolation>& parts) {
  Isolation out;
  for (const Isolation& part : parts) {
    if (!part.judged) continue;
    out.glibc = !out.judged || out.glibc == part.glibc ? part.glibc : GlibcSide::kUnknown;
    out.judged = true;
    out.release_files += part.release_files;
    out.driver_files += part.driver_files;
    for (const IsolationViolation& each : part.violations) {
      if (std::ranges::find(out.violations, each) == out.violations.end()) {
        out.violations.push_back(each);
      }
    }
  }
  return out;
}

}  // namespace eb
