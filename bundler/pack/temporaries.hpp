#pragma once

#include <filesystem>

namespace eb {

// Paths that must not outlive the process. Whoever makes one removes it himself; the list is for
// the case that a signal ends the process before he can.

/// Registers a path for as long as the object lives.
class Temporary {
 public:
  explicit Temporary(std::filesystem::path path);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

 private:
  std::filesystem::path path_;
};

/// Removes everything that is registered, folders with all they hold. For the thread that handles
/// SIGINT and SIGTERM, not for a signal handler; other threads may still be writing.
void remove_temporaries() noexcept;

}  // namespace eb
