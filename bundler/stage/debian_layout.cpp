#include "bundler/stage/debian_layout.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace eb {
namespace {

using Parts = std::vector<std::string_view>;

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Parts split(std::string_view path) {
  Parts out;
  while (!path.empty()) {
    const size_t at = std::min(path.find('/'), path.size());
    if (at > 0) out.push_back(path.substr(0, at));
    path.remove_prefix(std::min(at + 1, path.size()));
  }
  return out;
}

std::string join(const Parts& parts) {
  std::string out;
  for (const std::string_view part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

/// Folders of a release that a package may fill.
constexpr std::array<std::string_view, 7> kTop = {"bin",     "etc", "include", "lib",
                                                  "libexec", "opt", "share"};
constexpr std::array<std::string_view, 1> kEtc = {"ssl"};

/// For a desktop, for a package manager, for a service manager or for a reader.
constexpr std::array<std::string_view, 35> kUnusedShare = {"applications",
                                                           "apport",
                                                           "appstream",
                                                           "base-files",
                                                           "bash-completion",
                                                           "binfmts",
                                                           "bug",
                                                           "debconf",
                                                           "dict",
                                                           "doc-base",
                                                           "fish",
                                                           "gdb",
                                                           "gitweb",
                                                           "icons",
                                                           "info",
                                                           "initramfs-tools",
                                                           "libgcrypt20",
                                                           "lintian",
                                                           "locale",
                                                           "man",
                                                           "menu",
                                                           "metainfo",
                                                           "mime",
                                                           "mime-info",
                                                           "openssh",
                                                           "perl5",
                                                           "pixmaps",
                                                           "pkgconfig",
                                                           "polkit-1",
                                                           "reportbug",
                                                           "runit",
                                                           "tabset",
                                                           "vim-addons",
                                                           "zsh",
                                                           "gcc"};

constexpr std::array<std::string_view, 19> kUnusedLib = {
    "apt",     "binfmt.d",   "debug",      "dpkg",           "gold-ld",    "init",      "locale",
    "lsb",     "mime",       "modprobe.d", "modules-load.d", "os-release", "pcrlock.d", "sasl2",
    "systemd", "sysusers.d", "tc",         "tmpfiles.d",     "udev"};

/// Below lib/MULTIARCH.
constexpr std::array<std::string_view, 5> kUnusedMultiarch = {"audit", "gconv", "pkgconfig",
                                                              "sasl2", "security"};

/// They need a Perl, the system's /etc, or are a link to a module that `python -m` runs.
constexpr std::array<std::string_view, 4> kUnusedBin = {"helpztags", "pdb3.11", "ssh-argv0",
                                                        "update-ca-certificates"};

bool is_multiarch(std::string_view name) { return name.ends_with("-linux-gnu"); }

bool is_unused_below_share(const Parts& parts) {
  if (parts.size() < 3) return false;
  // The same time zones twice more, for programs that nobody has.
  if (parts[1] == "zoneinfo") return parts[2] == "posix" || parts[2] == "right";
  return parts[1] == "git-core" && parts[2] == "contrib";
}

std::optional<RelPath> map_share(Parts parts) {
  if (parts.size() < 2) return std::nullopt;
  if (parts[1] == "doc") {
    const bool package = parts.size() == 3;  // a link to another package's folder
    const bool licence = parts.size() == 4 && parts[3] == "copyright";
    if (!package && !licence) return std::nullopt;
    parts[1] = "licenses";
  } else if (parts[1] == "common-licenses") {
    parts.insert(parts.begin() + 1, "licenses");
  } else if (is_one_of(parts[1], kUnusedShare) || is_unused_below_share(parts)) {
    return std::nullopt;
  }
  return RelPath::parse(join(parts));
}

std::optional<RelPath> map_lib(Parts parts) {
  if (parts.size() < 2) return RelPath::parse(join(parts));
  const std::string_view name = parts.back();
  if (is_one_of(parts[1], kUnusedLib)) return std::nullopt;
  if (parts[1] == "terminfo") {
    parts[0] = "share";
    return RelPath::parse(join(parts));
  }
  const bool multiarch = is_multiarch(parts[1]);
  if (multiarch && parts.size() > 2 && is_one_of(parts[2], kUnusedMultiarch)) return std::nullopt;
  const bool shallow = parts.size() == (multiarch ? 3u : 2u);
  if (shallow && (name.ends_with(".a") || name.ends_with(".o"))) return std::nullopt;
  if (shallow && is_glibc_file(name)) return RelPath::parse("lib/glibc/" + std::string(name));
  return RelPath::parse(join(parts));
}

}  // namespace

bool is_glibc_file(std::string_view name) {
  if (name.starts_with("ld-linux") || name.starts_with("ld-2.")) return true;
  constexpr std::array<std::string_view, 17> kStems = {
      "libBrokenLocale", "libSegFault", "libanl",      "libc",         "libc_malloc_debug",
      "libdl",           "libm",        "libmemusage", "libmvec",      "libpcprofile",
      "libpthread",      "libresolv",   "librt",       "libthread_db", "libutil",
      "libnsl",          "libnss_"};
  for (const std::string_view stem : kStems) {
    if (!name.starts_with(stem)) continue;
    const std::string_view rest = name.substr(stem.size());
    if (stem == "libnss_") {
      // Modules of others (libnss_sss, libnss_systemd …) are not glibc's.
      constexpr std::array<std::string_view, 5> kModules = {"compat", "db", "dns", "files",
                                                            "hesiod"};
      return is_one_of(rest.substr(0, rest.find_first_of(".-")), kModules);
    }
    if (stem == "libnsl" && rest.starts_with(".so.2")) return false;
    if (rest.starts_with(".so") || rest.starts_with("-2.") || rest.starts_with("-1.")) return true;
  }
  return false;
}

std::optional<RelPath> map_debian_path(std::string_view path) {
  Parts parts = split(path);
  if (!parts.empty() && parts[0] == "usr") parts.erase(parts.begin());
  if (parts.empty()) return std::nullopt;
  if (parts[0] == "sbin") parts[0] = "bin";
  if (parts[0] == "lib64") parts[0] = "lib";
  if (!is_one_of(parts[0], kTop)) return std::nullopt;
  if (parts[0] == "share") return map_share(std::move(parts));
  if (parts[0] == "lib") return map_lib(std::move(parts));
  if (parts[0] == "etc" && (parts.size() < 3 || !is_one_of(parts[1], kEtc))) return std::nullopt;
  if (parts[0] == "bin" && parts.size() > 1 && is_one_of(parts[1], kUnusedBin)) return std::nullopt;
  return RelPath::parse(join(parts));
}

std::string relative_target(const RelPath& from, const RelPath& to) {
  const Parts base = split(from.parent());
  const Parts goal = split(to.str());
  size_t same = 0;
  while (same < base.size() && same < goal.size() && base[same] == goal[same]) ++same;
  std::string out;
  for (size_t i = same; i < base.size(); ++i) out += out.empty() ? ".." : "/..";
  for (size_t i = same; i < goal.size(); ++i) {
    if (!out.empty()) out += '/';
    out += goal[i];
  }
  return out.empty() ? "." : out;
}

std::optional<std::string> map_debian_link(std::string_view path, std::string_view target) {
  const auto from = map_debian_path(path);
  if (!from) return std::nullopt;
  Parts at;
  if (!target.starts_with('/')) {
    at = split(path);
    if (!at.empty()) at.pop_back();
  }
  for (const std::string_view part : split(target)) {
    if (part == ".") continue;
    if (part == "..") {
      if (!at.empty()) at.pop_back();  // ".." of "/" is "/"
    } else {
      at.push_back(part);
    }
  }
  const auto to = map_debian_path(join(at));
  if (!to || *to == *from) return std::nullopt;
  return relative_target(*from, *to);
}

}  // namespace eb
