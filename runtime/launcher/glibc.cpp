#include "runtime/launcher/glibc.hpp"

#include <elf.h>

#include "runtime/launcher/locate.hpp"
#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

/// ld.so --argv0 exists from 2.33 on.
constexpr int kFirstWithArgv0 = 33;

template <typename T>
const T* record(const Mapping& file, uint64_t offset) {
  if (offset % alignof(T) != 0 || !file.holds(offset, sizeof(T))) return nullptr;
  return reinterpret_cast<const T*>(file.data + offset);
}

struct Image {
  Mapping file;
  const Elf64_Ehdr* header = nullptr;

  const Elf64_Phdr* segment(unsigned index) const {
    return record<Elf64_Phdr>(file, header->e_phoff + uint64_t{index} * sizeof(Elf64_Phdr));
  }
  /// File offset of a virtual address; file.size when no segment holds it.
  uint64_t offset_of(uint64_t address) const {
    for (unsigned i = 0; i < header->e_phnum; ++i) {
      const Elf64_Phdr* part = segment(i);
      if (part == nullptr) break;
      if (part->p_type == PT_LOAD && address >= part->p_vaddr &&
          address - part->p_vaddr < part->p_filesz) {
        return address - part->p_vaddr + part->p_offset;
      }
    }
    return file.size;
  }
};

/// N of a text "GLIBC_2.N", else 0.
int minor_of(const Mapping& file, uint64_t offset) {
  const View prefix = "GLIBC_2.";
  if (!file.holds(offset, prefix.size + 1)) return 0;
  View text = file.text().from(offset);
  if (!text.begins_with(prefix)) return 0;
  text = text.from(prefix.size);
  int value = 0;
  size_t at = 0;
  while (at < text.size && at < 4 && text[at] >= '0' && text[at] <= '9') {
    value = value * 10 + (text[at++] - '0');
  }
  return value;  // of GLIBC_2.2.5: 2, which is below any real maximum
}

}  // namespace

int glibc_minor(const char* libc) {
  Image image;
  image.file = map_file(libc);
  if (!image.file) return 0;
  image.header = record<Elf64_Ehdr>(image.file, 0);
  if (image.header == nullptr || !image.file.text().begins_with("\177ELF\2\1") ||
      image.header->e_machine != kElfMachine || image.header->e_phentsize != sizeof(Elf64_Phdr)) {
    return 0;
  }
  uint64_t definitions = 0, count = 0, strings = 0;
  for (unsigned i = 0; i < image.header->e_phnum; ++i) {
    const Elf64_Phdr* part = image.segment(i);
    if (part == nullptr) return 0;
    if (part->p_type != PT_DYNAMIC) continue;
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= part->p_filesz; at += sizeof(Elf64_Dyn)) {
      const Elf64_Dyn* entry = record<Elf64_Dyn>(image.file, part->p_offset + at);
      if (entry == nullptr || entry->d_tag == DT_NULL) break;
      if (entry->d_tag == DT_VERDEF) definitions = entry->d_un.d_ptr;
      if (entry->d_tag == DT_VERDEFNUM) count = entry->d_un.d_val;
      if (entry->d_tag == DT_STRTAB) strings = entry->d_un.d_ptr;
    }
  }
  if (definitions == 0 || strings == 0) return 0;
  int highest = 0;
  uint64_t at = image.offset_of(definitions);
  const uint64_t names = image.offset_of(strings);
  for (uint64_t i = 0; i < count; ++i) {
    const auto* definition = record<Elf64_Verdef>(image.file, at);
    if (definition == nullptr) break;
    const auto* name = record<Elf64_Verdaux>(image.file, at + definition->vd_aux);
    if (name == nullptr) break;
    const int minor = minor_of(image.file, names + name->vda_name);
    if (minor > highest) highest = minor;
    if (definition->vd_next == 0) break;
    at += definition->vd_next;
  }
  return highest;
}

Loader choose_loader(View root, char* const* envp) {
  Loader bundled;
  bundled.library = joined({root, "/lib/glibc"});
  bundled.path = joined({bundled.library, "/", kLoaderName});
  const int bundled_minor =
      access(bundled.path, 0) == 0 ? glibc_minor(joined({bundled.library, "/libc.so.6"})) : 0;

  Loader host;
  host.host = true;
  long error = 0;
  host.path = real_path(kHostLoader, &error);
  const int host_minor =
      host.path == nullptr ? 0 : glibc_minor(joined({directory_of(host.path), "/libc.so.6"}));

  const char* wish = variable(envp, "ENVLAUNCH_LIBC");
  const bool want_host = wish != nullptr && View(wish) == "host";
  const bool want_bundled = wish != nullptr && View(wish) == "bundle";
  if (bundled_minor > 0 && !want_host && (want_bundled || bundled_minor >= host_minor)) {
    return bundled;
  }
  if (host_minor >= kFirstWithArgv0) return host;
  if (bundled_minor > 0 && !want_host) return bundled;
  if (host_minor > 0) {
    fail(joined({"the host's glibc 2.", decimal(static_cast<uint64_t>(host_minor)),
                 " is too old to start this program (2.33 is needed) and the release has none"}),
         bundled.path, 0);
  }
  fail("no loader: the release has no glibc and the host has none", bundled.path, 0);
}

}  // namespace eb::launcher
