#include "installer/driver/elf_versions.hpp"

#include <elf.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/driver/host_files.hpp"

namespace eb {
namespace {

// Real files: about 12 program headers, 40 dynamic entries, 60 versions.
constexpr size_t kMaxHeaders = 256;
constexpr size_t kMaxDynamic = 4096;
constexpr unsigned kMaxVersions = 4096;
constexpr size_t kMaxName = 64;

/// N of "GLIBC_2.N" or "GLIBC_2.N.M"; 0 for every other name.
int glibc_minor_of(std::string_view name) {
  constexpr std::string_view kPrefix = "GLIBC_2.";
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  const std::string_view digits = name.substr(0, name.find('.'));
  const auto value = number_of(digits);
  return value && digits.size() <= 4 ? static_cast<int>(*value) : 0;
}

class Reader {
 public:
  explicit Reader(const ReadAt& read) : read_(read) {}

  std::optional<ElfVersions> run() {
    Elf64_Ehdr header{};
    if (!get(0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMaxHeaders) {
      return std::nullopt;
    }
    out_.machine = header.e_machine;
    if (!read_headers(header) || !read_dynamic()) return std::nullopt;
    if (need_ != 0 && !walk_needs()) return std::nullopt;
    if (defined_ != 0 && !walk_definitions()) return std::nullopt;
    return out_;
  }

 private:
  template <typename T>
  bool get(uint64_t offset, T* out) {
    return offset <= UINT64_MAX - sizeof(T) && read_(offset, out, sizeof(T)) == sizeof(T);
  }

  bool read_headers(const Elf64_Ehdr& header) {
    headers_.resize(header.e_phnum);
    for (size_t i = 0; i < headers_.size(); ++i) {
      const uint64_t at = i * sizeof(Elf64_Phdr);
      if (header.e_phoff > UINT64_MAX - at || !get(header.e_phoff + at, &headers_[i])) return false;
    }
    return true;
  }

  // False for a table that is there and cannot be read; without one the answer is "no versions".
  bool read_dynamic() {
    for (const Elf64_Phdr& segment : headers_) {
      if (segment.p_type != PT_DYNAMIC) continue;
      const uint64_t count = segment.p_filesz / sizeof(Elf64_Dyn);
      if (count > kMaxDynamic) return false;
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t at = i * sizeof(Elf64_Dyn);
        Elf64_Dyn entry{};
        if (segment.p_offset > UINT64_MAX - at || !get(segment.p_offset + at, &entry)) return false;
        if (entry.d_tag == DT_NULL) return true;
        if (entry.d_tag == DT_STRTAB) strings_ = entry.d_un.d_ptr;
        if (entry.d_tag == DT_VERNEED) need_ = entry.d_un.d_ptr;
        if (entry.d_tag == DT_VERDEF) defined_ = entry.d_un.d_ptr;
      }
      return true;
    }
    return true;
  }

  std::optional<uint64_t> offset_of(uint64_t address) const {
    for (const Elf64_Phdr& segment : headers_) {
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz &&
          segment.p_offset <= UINT64_MAX - (address - segment.p_vaddr)) {
        return segment.p_offset + (address - segment.p_vaddr);
      }
    }
    return std::nullopt;
  }

  template <typename T>
  bool get_at_address(uint64_t address, T* out) {
    const auto offset = offset_of(address);
    return offset && get(*offset, out);
  }

  // Long names and names without an end are no version of glibc's.
  int minor_at(uint64_t name) {
    if (strings_ > UINT64_MAX - name) return 0;
    const auto offset = offset_of(strings_ + name);
    char text[kMaxName];
    const size_t size = offset ? read_(*offset, text, sizeof text) : 0;
    const size_t end = std::string_view(text, size).find('\0');
    return end == std::string_view::npos ? 0 : glibc_minor_of(std::string_view(text, end));
  }

  // Offsets in both tables are unsigned, so a walk only goes on; the count bounds it. The address
  // cannot overflow into a cycle either: it would lie in no segment.
  bool walk_needs() {
    uint64_t at = need_;
    unsigned left = kMaxVersions;
    while (left > 0) {
      Elf64_Verneed need{};
      if (!get_at_address(at, &need)) return false;
      uint64_t aux_at = at + need.vn_aux;
      for (unsigned i = 0; i < need.vn_cnt && left > 0; ++i, --left) {
        Elf64_Vernaux aux{};
        if (!get_at_address(aux_at, &aux)) return false;
        out_.needs_glibc = std::max(out_.needs_glibc, minor_at(aux.vna_name));
        if (aux.vna_next == 0) break;
        aux_at += aux.vna_next;
      }
      if (need.vn_next == 0) return true;
      at += need.vn_next;
      if (left > 0) --left;
    }
    return false;
  }

  bool walk_definitions() {
    uint64_t at = defined_;
    for (unsigned left = kMaxVersions; left > 0; --left) {
      Elf64_Verdef definition{};
      if (!get_at_address(at, &definition)) return false;
      Elf64_Verdaux aux{};
      if (definition.vd_cnt > 0) {
        if (!get_at_address(at + definition.vd_aux, &aux)) return false;
        out_.defines_glibc = std::max(out_.defines_glibc, minor_at(aux.vda_name));
      }
      if (definition.vd_next == 0) return true;
      at += definition.vd_next;
    }
    return false;
  }

  const ReadAt& read_;
  std::vector<Elf64_Phdr> headers_;
  uint64_t strings_ = 0;
  uint64_t need_ = 0;
  uint64_t defined_ = 0;
  ElfVersions out_;
};

}  // namespace

std::optional<ElfVersions> read_elf_versions(const ReadAt& read) { return Reader(read).run(); }

std::optional<ElfVersions> read_elf_versions(Sys& sys, int fd) {
  try {
    return read_elf_versions([&](uint64_t offset, void* to, size_t size) -> size_t {
      if (offset > static_cast<uint64_t>(INT64_MAX) - size) return 0;
      return pread_up_to(sys, fd, to, size, offset, "");
    });
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace eb
