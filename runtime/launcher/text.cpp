#include "runtime/launcher/text.hpp"

#include <linux/mman.h>

#include "runtime/launcher/system.hpp"

// The compiler may turn loops and initialisers into calls of these even in freestanding code. In
// the unit tests the C library has them.
extern "C" {
#if __STDC_HOSTED__
void* memcpy(void* to, const void* from, size_t size);
#else
void* memcpy(void* to, const void* from, size_t size) {
  auto* out = static_cast<volatile unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < size; ++i) out[i] = in[i];
  return to;
}
void* memset(void* to, int value, size_t size) {
  auto* out = static_cast<volatile unsigned char*>(to);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(value);
  return to;
}
#endif
}

namespace eb::launcher {
namespace {

constexpr size_t kChunkSize = size_t{256} * 1024;
char* chunk_at = nullptr;
char* chunk_end = nullptr;

size_t length_of(const char* text) {
  size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

View reason(long error) {
  switch (error) {
    case EPERM:
      return "operation not permitted";
    case ENOENT:
      return "no such file or directory";
    case EIO:
      return "input/output error";
    case E2BIG:
      return "argument list too long";
    case ENOEXEC:
      return "not an executable file of this machine";
    case ENOMEM:
      return "out of memory";
    case EACCES:
      return "permission denied (is the file system mounted noexec?)";
    case ENOTDIR:
      return "a part of the path is not a directory";
    case ELOOP:
      return "too many levels of symbolic links";
    case ENAMETOOLONG:
      return "path too long";
    default:
      return joined({"system error ", decimal(static_cast<uint64_t>(error))});
  }
}

}  // namespace

void* allocate(size_t size) {
  size = (size + 15) & ~size_t{15};
  if (chunk_at == nullptr || size > static_cast<size_t>(chunk_end - chunk_at)) {
    const size_t chunk = size > kChunkSize ? size : kChunkSize;
    const long got = syscall(__NR_mmap, 0, static_cast<long>(chunk), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got < 0 && got > -4096) {
      constexpr char kText[] = "envlaunch: error: out of memory\n";
      write(2, kText, sizeof kText - 1);
      leave(126);
    }
    chunk_at = reinterpret_cast<char*>(got);
    chunk_end = chunk_at + chunk;
  }
  void* out = chunk_at;
  chunk_at += size;
  return out;
}

View::View(const char* text) : data(text), size(length_of(text)) {}

bool View::operator==(View other) const { return size == other.size && begins_with(other); }

bool View::begins_with(View prefix) const {
  if (prefix.size > size) return false;
  for (size_t i = 0; i < prefix.size; ++i) {
    if (data[i] != prefix.data[i]) return false;
  }
  return true;
}

bool View::contains(View part) const {
  for (size_t i = 0; i + part.size <= size; ++i) {
    if (from(i).begins_with(part)) return true;
  }
  return false;
}

size_t View::index_of(char wanted) const {
  size_t i = 0;
  while (i < size && data[i] != wanted) ++i;
  return i;
}

size_t View::last_index_of(char wanted) const {
  for (size_t i = size; i > 0; --i) {
    if (data[i - 1] == wanted) return i - 1;
  }
  return size;
}

View View::trimmed() const {
  View out = *this;
  while (!out.empty() && is_space(out[0])) out = out.from(1);
  while (!out.empty() && is_space(out[out.size - 1])) --out.size;
  return out;
}

bool next_part(View* rest, char separator, View* part) {
  if (rest->data == nullptr) return false;
  const size_t at = rest->index_of(separator);
  *part = rest->first(at);
  *rest = at == rest->size ? View() : rest->from(at + 1);
  return true;
}

char* joined(std::initializer_list<View> parts) {
  size_t size = 1;
  for (const View& part : parts) size += part.size;
  char* const out = static_cast<char*>(allocate(size));
  char* at = out;
  for (const View& part : parts) {
    memcpy(at, part.data, part.size);
    at += part.size;
  }
  *at = '\0';
  return out;
}

char* with_root(View text, View root) {
  const char* out = "";
  while (!text.empty()) {
    size_t at = 0;
    while (at < text.size && !text.from(at).begins_with("@R@")) ++at;
    const bool found = at < text.size;
    out = joined({out, text.first(at), found ? root : View()});
    text = text.from(found ? at + 3 : at);
  }
  return joined({out});
}

View base_name(View path) {
  const size_t at = path.last_index_of('/');
  return at == path.size ? path : path.from(at + 1);
}

View directory_of(View path) {
  const size_t at = path.last_index_of('/');
  if (at == path.size) return ".";
  return at == 0 ? View("/") : path.first(at);
}

char* decimal(uint64_t value) {
  char* at = static_cast<char*>(allocate(24)) + 23;
  *at = '\0';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return at;
}

char* hexadecimal(uint64_t value) {
  char* const out = static_cast<char*>(allocate(17));
  for (int i = 0; i < 16; ++i) out[i] = "0123456789abcdef"[(value >> (60 - 4 * i)) & 15];
  return out;
}

const char* variable(char* const* envp, View name) {
  for (; *envp != nullptr; ++envp) {
    const View entry(*envp);
    if (entry.begins_with(name) && entry.size > name.size && entry[name.size] == '=') {
      return *envp + name.size + 1;
    }
  }
  return nullptr;
}

Mapping map_file(const char* path) {
  const long fd = open(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return {};
  Mapping out;
  Stat info{};
  if (syscall(__NR_fstat, fd, word(&info)) == 0 && (info.st_mode & kTypeMask) == kRegular &&
      info.st_size > 0) {
    const long at = syscall(__NR_mmap, 0, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at > 0 || at < -4095) {
      out = {reinterpret_cast<const unsigned char*>(at), static_cast<size_t>(info.st_size)};
    }
  }
  close(fd);
  return out;
}

View read_text(const char* path, size_t limit) {
  const long fd = open(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return "";
  char* const out = static_cast<char*>(allocate(limit));
  size_t size = 0;
  while (size < limit) {
    const long got = read(fd, out + size, limit - size);
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  close(fd);
  return {out, size};
}

void fail(View what, View where, long error) {
  const char* line =
      joined({"envlaunch: error: ", what, where.empty() ? "" : ": ", where,
              error == 0 ? View() : View(": "), error == 0 ? View() : reason(error), "\n"});
  write(2, line, View(line).size);
  leave(error == 0 || error == ENOENT || error == ENOTDIR ? 127 : 126);
}

void say(View label, std::initializer_list<View> parts) {
  const char* line = joined({"envlaunch: ", label, ": "});
  for (const View& part : parts) line = joined({line, part});
  line = joined({line, "\n"});
  write(2, line, View(line).size);
}

}  // namespace eb::launcher
