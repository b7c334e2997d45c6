#include "bundler/demand/library_code.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "bundler/demand/elf_file.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

/// A range of a file in memory.
class Mapping {
 public:
  Mapping(int fd, uint64_t offset, size_t size, const std::string& where) {
    const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    lead_ = static_cast<size_t>(offset % page);
    size_ = lead_ + size;
    start_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(offset - lead_));
    if (start_ == MAP_FAILED) throw system_error(errno, "cannot map the file into memory", where);
    // From one header to the next it is far: reading ahead would read everything.
    madvise(start_, size_, MADV_RANDOM);
  }
  ~Mapping() { munmap(start_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return Bytes(static_cast<const std::byte*>(start_), size_).subspan(lead_); }

 private:
  void* start_ = nullptr;
  size_t size_ = 0;
  size_t lead_ = 0;
};

}  // namespace

std::optional<LibraryCode> read_library_code(const std::filesystem::path& path) {
  const std::optional<ElfFile> file = open_elf(path);
  if (!file) return std::nullopt;
  LibraryCode out;
  Elf* elf = file->elf.get();
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return out;
  struct stat info {};
  if (fstat(file->fd.get(), &info) != 0) {
    throw system_error(errno, "cannot read the file's size", path.string());
  }
  const uint64_t file_bytes = static_cast<uint64_t>(info.st_size);
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* raw_name = elf_strptr(elf, names, header.sh_name);
    const std::string_view name = raw_name == nullptr ? "" : raw_name;
    const bool relocatable = name == "__nv_relfatbin";
    if (!relocatable && name != ".nv_fatbin") continue;
    // Split debug information keeps the section's header without its content.
    if (header.sh_type == SHT_NOBITS || header.sh_size == 0) continue;
    GpuCode& code = relocatable ? out.relocatable : out.loadable;
    if ((header.sh_flags & SHF_COMPRESSED) != 0 || header.sh_offset > file_bytes ||
        header.sh_size > file_bytes - header.sh_offset) {
      code.skipped_bytes += header.sh_size;
      continue;
    }
    const Mapping mapping(file->fd.get(), header.sh_offset, static_cast<size_t>(header.sh_size),
                          path.string());
    code += read_fatbin(mapping.bytes());
  }
  return out;
}

}  // namespace eb
