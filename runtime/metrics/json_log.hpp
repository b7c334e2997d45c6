#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eb::metrics {

/// Lines of JSON: {"time":"2026-03-04T05:06:07.089Z","level":"info","event":"started",…}. Goes to
/// standard error or to a file that is rotated: FILE, then FILE.1 (younger) to FILE.N (oldest). Any
/// thread. A line that cannot be written (disk full) is dropped and counted; the count stands in
/// the next that can ("dropped_before"). Nothing here throws or ends the program.
class JsonLog {
 public:
  struct Rotation {
    uint64_t max_bytes = 10U << 20U;  ///< of one file; a longer line stands alone in its file
    unsigned keep = 5;                ///< old files beside the one in use; 0: none
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// `path` empty: standard error.
  JsonLog(std::string path, Rotation rotation);
  ~JsonLog();
  JsonLog(const JsonLog&) = delete;
  JsonLog& operator=(const JsonLog&) = delete;

  void info(const std::string& event, const Fields& fields = {}) { write("info", event, fields); }
  void warn(const std::string& event, const Fields& fields = {}) {
    write("warning", event, fields);
  }
  void write(const std::string& level, const std::string& event, const Fields& fields);
  uint64_t dropped() const;

 private:
  void reopen_if_gone();
  void rotate();
  void open_file();

  mutable std::mutex mutex_;
  std::string path_;
  Rotation rotation_;
  int fd_ = -1;
  uint64_t size_ = 0;
  uint64_t dropped_ = 0;
  uint64_t untold_ = 0;
};

/// "2026-03-04T05:06:07.089Z" of now.
std::string utc_now();

}  // namespace eb::metrics
