// Stands for the libcuda.so.1 of a forward-compatibility package: says so with the ELF note of
// version 575.57.08, word for word.

#include <cstdint>

namespace {

struct Note {
  uint32_t owner_bytes;
  uint32_t text_bytes;
  uint32_t type;
  char owner[20];  // padded to the section's alignment
  char text[128];
};

constexpr char kText[] = R"({"format":1,"CUDA version":"12.9","driver":[535,550,560,565,570,575],)"
                         R"("device":[1,2,7,8,9,10,11,12,13,14]})";

template <unsigned size>
constexpr Note note_of(const char (&text)[size]) {
  Note out{19, size - 1, 1, "NVIDIA Corporation", ""};
  static_assert(size <= sizeof out.text);
  for (unsigned i = 0; i < size; ++i) out.text[i] = text[i];
  return out;
}

__attribute__((section(".note.cuda.fwd_compatibility"), used, aligned(4))) constexpr Note kNote =
    note_of(kText);

}  // namespace

extern "C" int fake_driver_answer() { return static_cast<int>(kNote.type) + 42; }
