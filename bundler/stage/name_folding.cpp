#include "bundler/stage/name_folding.hpp"

#include <algorithm>
#include <cstdint>

#include "installer/base/utf8.hpp"

namespace eb {
namespace {

uint32_t code_point(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  uint32_t out = sequence.size() == 1   ? first
                 : sequence.size() == 2 ? first & 0x1Fu
                 : sequence.size() == 3 ? first & 0x0Fu
                                        : first & 0x07u;
  for (const char c : sequence.substr(1)) out = out << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return out;
}

void append(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
  } else {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (c & 0x3F));
}

// The Unicode Standard, 3.12: Hangul syllables are made of two or three letters by arithmetic.
bool append_hangul(std::string& out, uint32_t c) {
  constexpr uint32_t kFirst = 0xAC00, kSyllables = 11172, kVowels = 21, kTails = 28;
  if (c < kFirst || c >= kFirst + kSyllables) return false;
  const uint32_t number = c - kFirst;
  append(out, 0x1100 + number / (kVowels * kTails));
  append(out, 0x1161 + number % (kVowels * kTails) / kTails);
  if (number % kTails != 0) append(out, 0x11A7 + number % kTails);
  return true;
}

}  // namespace

std::string folded_path(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    const size_t length = std::max<size_t>(utf8_sequence_length(path), 1);
    const std::string_view sequence = path.substr(0, length);
    path.remove_prefix(length);
    if (length == 1) {
      const char c = sequence[0];
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      continue;
    }
    const uint32_t c = code_point(sequence);
    const auto* const end = kFoldedCharacters + kFoldedCharacterCount;
    const auto* const found = std::lower_bound(
        kFoldedCharacters, end, c,
        [](const FoldedCharacter& each, uint32_t wanted) { return each.from < wanted; });
    if (found != end && found->from == c) {
      for (const char16_t to : found->to) {
        if (to != 0) append(out, to);
      }
    } else if (!append_hangul(out, c)) {
      out += sequence;
    }
  }
  return out;
}

}  // namespace eb
