// libgcc's unwinder, which is linked statically, asks glibc 2.35 and later for _dl_find_object when
// it was built with one. That would be the only function that binds the program to a glibc newer
// than 2.34, so it gets one of the program's own, made of dl_iterate_phdr. It is hidden: the
// libraries that are loaded keep glibc's.
#include <link.h>

#include <cstdint>

#if defined(DLFO_EH_SEGMENT_TYPE)
namespace {

struct Search {
  uintptr_t address;
  dl_find_object* result;
};

int look_at(dl_phdr_info* info, size_t /*size*/, void* data) {
  auto* const search = static_cast<Search*>(data);
  bool is_inside = false;
  const ElfW(Phdr)* unwinding = nullptr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD) {
      const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
      if (search->address >= begin && search->address - begin < segment.p_memsz) is_inside = true;
    } else if (segment.p_type == DLFO_EH_SEGMENT_TYPE) {
      unwinding = &segment;
    }
  }
  if (!is_inside || unwinding == nullptr) return 0;
  // The unwinder reads nothing else of it.
  search->result->dlfo_eh_frame = reinterpret_cast<void*>(info->dlpi_addr + unwinding->p_vaddr);
  return 1;
}

}  // namespace

extern "C" __attribute__((visibility("hidden"))) int
_dl_find_object(  // NOLINT(bugprone-reserved-identifier): glibc names it
    void* address, dl_find_object* result) noexcept {
  *result = {};
  Search search{reinterpret_cast<uintptr_t>(address), result};
  return dl_iterate_phdr(look_at, &search) == 1 ? 0 : -1;
}
#endif
