#include "runtime/launcher/image.hpp"

#include "runtime/launcher/system.hpp"

namespace eb::launcher {

uint64_t number(const Mapping& file, uint64_t offset, unsigned bytes) {
  if (!file.holds(offset, bytes)) return 0;
  uint64_t value = 0;
  for (unsigned i = bytes; i > 0; --i) value = value << 8 | file.data[offset + i - 1];
  return value;
}

View text_at(const Mapping& file, uint64_t offset) {
  if (offset >= file.size) return "";
  const View rest = file.text().from(offset);
  const size_t end = rest.index_of('\0');
  return end == rest.size ? View("") : rest.first(end);
}

bool is_usable(const char* path) {
  const long fd = open(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return false;
  unsigned char head[20];
  const long got = read(fd, head, sizeof head);
  close(fd);
  return got == sizeof head &&
         View(reinterpret_cast<const char*>(head), 6) == View("\177ELF\2\1") &&
         (head[18] | head[19] << 8) == kElfMachine;
}

}  // namespace eb::launcher
