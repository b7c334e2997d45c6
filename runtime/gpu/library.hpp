#pragma once

#include <string>

namespace eb::gpu {

/// A loaded shared library. It is never unloaded: the vendor's libraries keep threads and exit
/// handlers, and the process ends soon anyway.
class Library {
 public:
  Library() = default;
  /// `name` is a path, or a soname that the loader is to find. Loaded with all its symbols bound,
  /// so that a missing one shows here. Throws Failure "loader" with dlerror's text.
  static Library open(const std::string& name);

  explicit operator bool() const { return handle_ != nullptr; }
  /// Throws Failure "loader" when the library does not have it.
  template <typename Function>
  void bind(const char* name, Function** out) const {
    *out = reinterpret_cast<Function*>(needed(name));
  }
  /// nullptr when the library does not have it.
  template <typename Function>
  void bind_if_there(const char* name, Function** out) const {
    *out = reinterpret_cast<Function*>(found(name));
  }
  /// Where the library lies, symlinks resolved; empty when that cannot be told.
  std::string real_path() const;

 private:
  void* needed(const char* name) const;
  void* found(const char* name) const;

  void* handle_ = nullptr;
};

}  // namespace eb::gpu
