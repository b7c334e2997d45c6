#include "bundler/stage/place_launchers.hpp"

#include <fcntl.h>
#include <gelf.h>

#include <map>
#include <memory>

#include "bundler/stage/debian_layout.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr std::string_view kOrigin = "envbundle";
constexpr size_t kMaxLauncherBytes = 1 << 20;

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfFile = std::unique_ptr<Elf, ElfEnd>;

/// DT_SONAME and DF_1_PIE of a dynamic section.
struct Dynamic {
  bool has_soname = false;
  bool is_pie = false;
};

Dynamic read_dynamic(Elf* elf) {
  Dynamic out;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNAMIC) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    GElf_Dyn entry;
    for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
      if (entry.d_tag == DT_SONAME) out.has_soname = true;
      if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0) out.is_pie = true;
    }
  }
  return out;
}

bool is_started_by_loader(int fd) {
  elf_version(EV_CURRENT);
  const ElfFile elf(elf_begin(fd, ELF_C_READ, nullptr));
  GElf_Ehdr header;
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF ||
      gelf_getehdr(elf.get(), &header) == nullptr) {
    return false;
  }
  size_t count = 0;
  if (elf_getphdrnum(elf.get(), &count) != 0) return false;
  bool has_interpreter = false;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf.get(), static_cast<int>(i), &segment) != nullptr &&
        segment.p_type == PT_INTERP) {
      has_interpreter = true;
    }
  }
  if (!has_interpreter) return false;
  if (header.e_type == ET_EXEC) return true;
  const Dynamic dynamic = read_dynamic(elf.get());
  return dynamic.is_pie || !dynamic.has_soname;
}

bool has_component(std::string_view path, std::string_view wanted) {
  const std::string framed = "/" + std::string(path) + "/";
  return framed.find("/" + std::string(wanted) + "/") != std::string::npos;
}

bool is_left_alone(const RelPath& path) {
  return path.is_below("lib/glibc") || path.is_below("libexec/real") ||
         path.is_below("libexec/launch") || path.is_below("share") || path.is_below(".bundle") ||
         has_component(path.str(), "site-packages") || has_component(path.str(), "dist-packages");
}

std::string base64url(const Sha256& digest) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const std::byte byte : digest.bytes) {
    bits = bits << 8 | std::to_integer<uint32_t>(byte);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += kDigits[bits >> count & 63];
    }
  }
  if (count > 0) out += kDigits[bits << (6 - count) & 63];
  return out;
}

/// The text of a RECORD with the new facts of every line that names a replaced script. Such lines
/// are "../../../bin/NAME,sha256=…,SIZE"; all others stay as they are, byte for byte.
std::string corrected_record(std::string_view text, const RelPath& record, const Staging& staging,
                             const std::map<RelPath, ProgramKind>& programs) {
  const std::string folder(RelPath(record.parent()).parent());  // site-packages
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const bool has_newline = end < text.size();
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t comma = line.find(',');
    const auto path = comma == std::string_view::npos || !line.starts_with("../")
                          ? std::nullopt
                          : resolve_link(RelPath(folder + "/RECORD"), line.substr(0, comma));
    if (path && programs.contains(*path)) {
      const Staging::Item& item = *staging.find(*path);
      out.append(line.substr(0, comma + 1)).append("sha256=").append(base64url(item.digest));
      out.append(",").append(std::to_string(item.size_bytes));
      if (line.ends_with('\r')) out += '\r';
    } else {
      out.append(line);
    }
    if (has_newline) out += '\n';
  }
  return out;
}

void correct_records(Staging& staging, const std::map<RelPath, ProgramKind>& programs) {
  std::vector<RelPath> records;
  for (const auto& [path, item] : staging.items()) {
    if (item.type == Staging::Item::Type::kFile && path.name() == "RECORD" &&
        path.parent().ends_with(".dist-info")) {
      records.push_back(path);
    }
  }
  for (const RelPath& path : records) {
    const std::vector<std::byte> content = staging.read(path);
    const std::string changed = corrected_record(as_text(content), path, staging, programs);
    if (changed == as_text(content)) continue;
    const std::string origin = staging.find(path)->origins.front();
    staging.replace_file(path, as_bytes(changed), false, origin);
  }
}

}  // namespace

ProgramKind program_kind(const std::filesystem::path& file, bool may_be_script) {
  Sys& sys = real_sys();
  const Fd fd = open_at(sys, AT_FDCWD, file.c_str(), O_RDONLY | O_NOFOLLOW, 0, file.string());
  std::string head(512, '\0');
  head.resize(pread_up_to(sys, fd.get(), head.data(), head.size(), 0, file.string()));
  if (head.starts_with("\177ELF")) {
    return is_started_by_loader(fd.get()) ? ProgramKind::kElf : ProgramKind::kNone;
  }
  if (may_be_script && head.starts_with("#!") &&
      head.substr(0, head.find('\n')).find("python") != std::string::npos) {
    return ProgramKind::kPython;
  }
  return ProgramKind::kNone;
}

std::vector<std::string> place_launchers(Staging& staging, const std::filesystem::path& envlaunch) {
  const std::vector<std::byte> launcher =
      read_file_at(real_sys(), AT_FDCWD, envlaunch.c_str(), kMaxLauncherBytes, envlaunch.string());
  if (program_kind(envlaunch, false) != ProgramKind::kNone ||
      !as_text(launcher).starts_with("\177ELF")) {
    throw Error(ExitCode::kInternal, "the launcher is not a static program")
        .where(envlaunch.string());
  }
  std::map<RelPath, ProgramKind> programs;
  std::optional<RelPath> loader;
  for (const auto& [path, item] : staging.items()) {
    if (item.type != Staging::Item::Type::kFile) continue;
    if (path.parent() == "lib/glibc" && path.name().starts_with("ld-linux")) loader = path;
    if (is_left_alone(path)) continue;
    const bool may_be_script = path.parent() == "bin" && item.executable;
    const ProgramKind kind = program_kind(staging.host_path(path), may_be_script);
    if (kind != ProgramKind::kNone) programs.emplace(path, kind);
  }
  std::vector<std::string> out;
  for (const auto& [path, kind] : programs) {
    const std::string origin = staging.find(path)->origins.front();
    const RelPath real("libexec/real/" + path.str());
    const bool executable = kind == ProgramKind::kElf;
    // A script's first line does not lead to our Python: unexecutable, it is not found by PATH.
    if (!executable) {
      const std::vector<std::byte> content = staging.read(path);
      staging.remove(path);
      staging.replace_file(real, content, false, origin);
    } else {
      staging.rename(path, real);
    }
    staging.replace_file(path, launcher, true, kOrigin);
    if (executable && loader) {
      const RelPath name("libexec/launch/" + path.str());
      staging.add_symlink(name, relative_target(name, *loader), kOrigin);
    }
    out.push_back(path.str());
  }
  correct_records(staging, programs);
  return out;
}

}  // namespace eb
