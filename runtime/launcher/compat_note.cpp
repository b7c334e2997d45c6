#include "runtime/launcher/compat_note.hpp"

#include <elf.h>

#include "runtime/launcher/image.hpp"

namespace eb::launcher {
namespace {

constexpr const char* kSection = ".note.cuda.fwd_compatibility";
constexpr const char* kOwner = "NVIDIA Corporation";

/// The note is a few hundred bytes; of more, nothing is believed.
constexpr size_t kMaxNoteBytes = size_t{64} * 1024;

View without_nuls(View text) {
  while (!text.empty() && text[0] == '\0') text = text.from(1);
  while (!text.empty() && text[text.size - 1] == '\0') --text.size;
  return text;
}

/// An Elf32_Nhdr (also in 64-bit files), the owner, the text. Linkers pad the owner to the
/// section's alignment, some counting from the note's start and some from the owner's; the padding
/// is NULs in either case, and JSON begins with none.
View text_of(View section, const Mapping& library) {
  constexpr size_t kHeaderBytes = sizeof(Elf64_Nhdr);
  const auto base = static_cast<size_t>(section.data - library.text().data);
  if (section.size < kHeaderBytes || section.size > kMaxNoteBytes) return "";
  const uint32_t owner_bytes = u32(library, base);
  const uint32_t text_bytes = u32(library, base + 4);
  View rest = section.from(kHeaderBytes);
  if (owner_bytes > rest.size) return "";
  if (!(without_nuls(rest.first(owner_bytes)) == kOwner)) return {};
  rest = rest.from(owner_bytes);
  while (!rest.empty() && rest[0] == '\0') rest = rest.from(1);
  return text_bytes > rest.size ? View("") : without_nuls(rest.first(text_bytes));
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// `word` is in lower case.
bool is_key(View text, View word) {
  if (text.size != word.size) return false;
  for (size_t i = 0; i < text.size; ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
}

/// Walks over JSON without keeping anything: each step moves forward in the text or fails for good.
class Scanner {
 public:
  explicit Scanner(View text) : rest_(text) {}

  bool failed() const { return failed_; }

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

  /// True, and one character further, when the next one that is not blank is `wanted`.
  bool take(char wanted) {
    if (at_end() || rest_[0] != wanted) return false;
    rest_ = rest_.from(1);
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) fail();
  }

  /// What stands between the quotes, escapes as they are.
  View string() {
    expect('"');
    size_t at = 0;
    while (at < rest_.size && rest_[at] != '"') at += rest_[at] == '\\' ? 2 : 1;
    if (failed_ || at >= rest_.size) return fail();
    const View out = rest_.first(at);
    rest_ = rest_.from(at + 1);
    return out;
  }

  /// A whole number of at most six digits.
  uint32_t whole() {
    skip_blanks();
    uint32_t value = 0;
    size_t at = 0;
    while (at < rest_.size && at < 7 && rest_[at] >= '0' && rest_[at] <= '9') {
      value = value * 10 + static_cast<uint32_t>(rest_[at++] - '0');
    }
    if (at == 0 || at > 6) {
      fail();
      return 0;
    }
    rest_ = rest_.from(at);
    return value;
  }

  /// What stands between the brackets of a list of whole numbers.
  View whole_list() {
    expect('[');
    skip_blanks();
    const View start = rest_;
    if (take(']')) return {};
    do whole();
    while (!failed_ && take(','));
    if (failed_) return {};
    const View out = start.first(start.size - rest_.size);
    expect(']');
    return out;
  }

  /// Over a value that nobody asked for: to its end, whatever is nested in it.
  void skip_value() {
    size_t depth = 0;
    do {
      if (!at_end() && rest_[0] == '"') {
        string();
        continue;
      }
      const char c = rest_.empty() ? '\0' : rest_[0];
      const bool opens = c == '[' || c == '{';
      const bool closes = depth > 0 && (c == ']' || c == '}');
      const bool divides = depth > 0 && (c == ',' || c == ':');
      if (!opens && !closes && !divides && !is_word(c)) {
        fail();
        return;
      }
      if (opens) ++depth;
      if (closes) --depth;
      do rest_ = rest_.from(1);
      while (is_word(c) && !rest_.empty() && is_word(rest_[0]));
    } while (!failed_ && depth > 0);
  }

 private:
  /// Numbers, true, false, null.
  static bool is_word(char c) {
    const char small = lower(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' ||
           c == '.';
  }

  View fail() {
    failed_ = true;
    rest_ = View("");
    return {};
  }

  void skip_blanks() {
    while (!rest_.empty() &&
           (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r')) {
      rest_ = rest_.from(1);
    }
  }

  View rest_;
  bool failed_ = false;
};

}  // namespace

View find_note(const Mapping& library) {
  if (!library.text().begins_with("\177ELF\2\1")) return {};
  const uint64_t sections = number(library, offsetof(Elf64_Ehdr, e_shoff), 8);
  const uint64_t count = number(library, offsetof(Elf64_Ehdr, e_shnum), 2);
  const uint64_t names_index = number(library, offsetof(Elf64_Ehdr, e_shstrndx), 2);
  if (number(library, offsetof(Elf64_Ehdr, e_shentsize), 2) != sizeof(Elf64_Shdr)) return {};
  const uint64_t names = number(
      library, sections + names_index * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_offset), 8);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t header = sections + i * sizeof(Elf64_Shdr);
    if (u32(library, header + offsetof(Elf64_Shdr, sh_type)) != SHT_NOTE) continue;
    const uint64_t name = names + u32(library, header + offsetof(Elf64_Shdr, sh_name));
    if (!(text_at(library, name) == kSection)) continue;
    const uint64_t at = number(library, header + offsetof(Elf64_Shdr, sh_offset), 8);
    const uint64_t size = number(library, header + offsetof(Elf64_Shdr, sh_size), 8);
    if (!library.holds(at, size)) return "";
    return text_of(library.text().from(at).first(size), library);
  }
  return {};
}

CompatNote read_note(View json) {
  CompatNote out;
  uint32_t format = 1;
  Scanner scanner(json);
  scanner.expect('{');
  if (!scanner.take('}')) {
    do {
      const View key = scanner.string();
      scanner.expect(':');
      if (is_key(key, "format")) {
        format = scanner.whole();
      } else if (is_key(key, "cuda version")) {
        Scanner version(scanner.string());
        out.cuda_major = version.whole();
        version.expect('.');
        out.cuda_minor = version.whole();
        if (version.failed()) return {};
      } else if (is_key(key, "driver")) {
        out.drivers = scanner.whole_list();
      } else if (is_key(key, "device")) {
        out.devices = scanner.whole_list();
      } else {
        scanner.skip_value();
      }
    } while (!scanner.failed() && scanner.take(','));
    scanner.expect('}');
  }
  out.understood = !scanner.failed() && scanner.at_end() && format == 1;
  return out;
}

bool has_number(View list, uint32_t wanted) {
  Scanner scanner(list);
  while (!scanner.at_end()) {
    if (scanner.whole() == wanted && !scanner.failed()) return true;
    scanner.take(',');
  }
  return false;
}

}  // namespace eb::launcher
