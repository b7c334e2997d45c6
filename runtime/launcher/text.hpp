#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace eb::launcher {

/// Memory for `size` bytes, zeroed, never freed: the process image is about to be replaced. Ends
/// the process with a message when the system gives none.
void* allocate(size_t size);

/// A view of characters that need not end with NUL.
struct View {
  const char* data = nullptr;
  size_t size = 0;

  View() = default;
  View(const char* text);  // NOLINT: literals stand for views throughout
  View(const char* begin, size_t length) : data(begin), size(length) {}
  View(const char* begin, const char* end) : data(begin), size(static_cast<size_t>(end - begin)) {}

  bool empty() const { return size == 0; }
  char operator[](size_t at) const { return data[at]; }
  View from(size_t at) const { return {data + at, size - at}; }
  View first(size_t count) const { return {data, count}; }
  bool operator==(View other) const;
  bool begins_with(View prefix) const;
  bool contains(View part) const;
  /// Index of `wanted`, or size.
  size_t index_of(char wanted) const;
  size_t last_index_of(char wanted) const;
  View trimmed() const;
};

/// The part of `*rest` before the next separator; `*rest` keeps what follows. False at the end.
bool next_part(View* rest, char separator, View* part);

/// All parts after one another in new memory, ended with NUL.
char* joined(std::initializer_list<View> parts);
/// `text` with every "@R@" replaced by `root`.
char* with_root(View text, View root);

View base_name(View path);
/// All before the last slash; "/" for a top-level name, "." when there is no slash.
View directory_of(View path);

char* decimal(uint64_t value);
char* hexadecimal(uint64_t value);

/// Value of an environment variable, or nullptr.
const char* variable(char* const* envp, View name);

/// A file mapped to memory for reading.
struct Mapping {
  const unsigned char* data = nullptr;
  size_t size = 0;
  explicit operator bool() const { return data != nullptr; }
  View text() const { return {reinterpret_cast<const char*>(data), size}; }
  /// True when [offset, offset + length) lies inside.
  bool holds(uint64_t offset, uint64_t length) const {
    return offset <= size && length <= size - offset;
  }
};
/// Empty when it cannot be mapped or is no regular file with content.
Mapping map_file(const char* path);

/// At most `limit` bytes of a file that cannot be mapped (/proc, /sys). Empty when it cannot be
/// read.
View read_text(const char* path, size_t limit);

/// One line on stderr: "envlaunch: error: WHAT: WHERE: REASON". `error` is a positive errno or 0.
/// Ends the process with 127 when something is missing, else with 126.
[[noreturn]] void fail(View what, View where, long error);
/// "envlaunch: LABEL: parts".
void say(View label, std::initializer_list<View> parts);

}  // namespace eb::launcher
