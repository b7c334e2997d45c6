#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eb {

/// What a file system that ignores case and normal form takes for the same name (macOS, CIFS, ext4
/// with casefold): two paths collide there when this is equal (FAULTS F101). Knows ASCII, Latin,
/// Greek, Cyrillic and Hangul; other characters stand for themselves. Input is UTF-8; what is none
/// is passed through.
std::string folded_path(std::string_view path);

struct FoldedCharacter {
  char16_t from;
  char16_t to[3];
};
extern const FoldedCharacter kFoldedCharacters[];
extern const size_t kFoldedCharacterCount;

}  // namespace eb
