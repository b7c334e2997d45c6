#include "runtime/metrics/json_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace eb::metrics {

std::string utc_now() {
  namespace chrono = std::chrono;
  const auto now = chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = chrono::duration_cast<chrono::milliseconds>(now).count();
  const std::time_t seconds = milliseconds / 1000;
  struct tm parts {};
  gmtime_r(&seconds, &parts);
  char buffer[40];
  const size_t length = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(buffer + length, sizeof buffer - length, ".%03dZ",
                static_cast<int>(milliseconds % 1000));
  return buffer;
}

JsonLog::JsonLog(std::string path, Rotation rotation)
    : path_(std::move(path)), rotation_(rotation) {
  if (path_.empty()) {
    fd_ = STDERR_FILENO;
  } else {
    open_file();
  }
}

JsonLog::~JsonLog() {
  if (!path_.empty() && fd_ >= 0) close(fd_);
}

uint64_t JsonLog::dropped() const {
  const std::scoped_lock lock(mutex_);
  return dropped_;
}

void JsonLog::open_file() {
  fd_ =
      open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  struct stat status {};
  size_ = fd_ >= 0 && fstat(fd_, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

void JsonLog::reopen_if_gone() {
  struct stat status {};
  if (fd_ >= 0 && fstat(fd_, &status) == 0 && status.st_nlink > 0) {
    // Somebody else may append to it or cut it.
    size_ = static_cast<uint64_t>(status.st_size);
    return;
  }
  if (fd_ >= 0) close(fd_);
  open_file();
}

void JsonLog::rotate() {
  close(fd_);
  fd_ = -1;
  for (unsigned number = rotation_.keep; number > 1; --number) {
    std::rename((path_ + '.' + std::to_string(number - 1)).c_str(),
                (path_ + '.' + std::to_string(number)).c_str());
  }
  if (rotation_.keep == 0) {
    unlink(path_.c_str());
  } else {
    std::rename(path_.c_str(), (path_ + ".1").c_str());
  }
  open_file();
}

void JsonLog::write(const std::string& level, const std::string& event, const Fields& fields) {
  const std::scoped_lock lock(mutex_);
  nlohmann::ordered_json json = {{"time", utc_now()}, {"level", level}, {"event", event}};
  for (const auto& [key, value] : fields) json[key] = value;
  if (untold_ > 0) json["dropped_before"] = untold_;
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  if (!path_.empty()) {
    reopen_if_gone();
    if (fd_ >= 0 && size_ > 0 && size_ + line.size() > rotation_.max_bytes) rotate();
  }
  // One write, so that lines of several writers do not mix; a cut line is a dropped one.
  if (fd_ >= 0 && ::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    untold_ = 0;
    return;
  }
  ++dropped_;
  ++untold_;
}

}  // namespace eb::metrics
