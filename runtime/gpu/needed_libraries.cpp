#include "runtime/gpu/needed_libraries.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <utility>

namespace eb::gpu {
namespace {

constexpr size_t kMaxEntries = 4096;
constexpr size_t kMaxNameBytes = 256;

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// As many of `size` bytes at `offset` as there are.
  size_t read(uint64_t offset, void* to, size_t size) const {
    const ssize_t got = pread(fd_, to, size, static_cast<off_t>(offset));
    return got < 0 ? 0 : static_cast<size_t>(got);
  }
  /// `count` structures; empty unless all are there.
  template <typename T>
  std::vector<T> read_array(uint64_t offset, size_t count) const {
    std::vector<T> out(std::min(count, kMaxEntries));
    if (read(offset, out.data(), out.size() * sizeof(T)) != out.size() * sizeof(T)) out.clear();
    return out;
  }

 private:
  int fd_;
};

/// Where in the file an address of the program lies; 0 when nowhere.
uint64_t offset_of(const std::vector<Elf64_Phdr>& segments, uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz) {
      return segment.p_offset + (address - segment.p_vaddr);
    }
  }
  return 0;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::vector<std::string> needed_libraries(const std::string& path) {
  const File file(path);
  Elf64_Ehdr header{};
  if (file.read(0, &header, sizeof header) != sizeof header ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return {};
  }
  const auto segments = file.read_array<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  std::vector<uint64_t> names;
  uint64_t strings = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    for (const auto& entry :
         file.read_array<Elf64_Dyn>(segment.p_offset, segment.p_filesz / sizeof(Elf64_Dyn))) {
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) strings = offset_of(segments, entry.d_un.d_ptr);
    }
  }
  std::vector<std::string> out;
  for (const uint64_t name : names) {
    char text[kMaxNameBytes] = "";
    const size_t got = file.read(strings + name, text, sizeof text - 1);
    text[got] = '\0';
    out.emplace_back(text);
  }
  return out;
}

std::vector<std::string> in_order_of_need(std::vector<std::string> paths) {
  std::set<std::string> waiting;
  for (const std::string& path : paths) waiting.insert(base_name(path));
  std::vector<std::string> out;
  while (!paths.empty()) {
    auto next = std::ranges::find_if(paths, [&](const std::string& path) {
      const std::vector<std::string> needed = needed_libraries(path);
      return std::ranges::none_of(needed, [&](const std::string& name) {
        return name != base_name(path) && waiting.contains(name);
      });
    });
    // Two that need each other: the loader can cope, in whatever order.
    if (next == paths.end()) next = paths.begin();
    waiting.erase(base_name(*next));
    out.push_back(std::move(*next));
    paths.erase(next);
  }
  return out;
}

}  // namespace eb::gpu
