#include "bundler/artifact/input_file.hpp"

#include <sys/stat.h>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {

InputFile::InputFile(const std::filesystem::path& path, std::string name)
    : name_(name.empty() ? path.filename().string() : std::move(name)), path_(path.string()) {
  // O_NONBLOCK: a FIFO in the file's place must not hang the program.
  fd_ = open_at(real_sys(), AT_FDCWD, path_.c_str(), O_RDONLY | O_NONBLOCK, 0, path_);
  struct stat info {};
  if (const int r = real_sys().fstat(fd_.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at", path_);
  }
  if (!S_ISREG(info.st_mode)) throw Error(ExitCode::kIo, "not a regular file").where(path_);
  size_bytes_ = static_cast<uint64_t>(info.st_size);
}

size_t InputFile::read_at(uint64_t offset, void* buffer, size_t size) const {
  return pread_up_to(real_sys(), fd_.get(), buffer, size, offset, path_);
}

std::vector<std::byte> InputFile::read_exactly(uint64_t offset, size_t size) const {
  if (offset > size_bytes_ || size > size_bytes_ - offset) {
    throw bad_artifact("the archive is cut short", name_, "",
                       "bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
                           " are needed, it has " + std::to_string(size_bytes_));
  }
  std::vector<std::byte> data(size);
  if (read_at(offset, data.data(), size) != size) {
    throw Error(ExitCode::kIo, "the file became shorter while it was read").where(path_);
  }
  return data;
}

}  // namespace eb
