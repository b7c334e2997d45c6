#include "loop_disk.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace eb::test {
namespace {

// linux/fs/ext4/ext4.h; the kernel does not export it.
constexpr unsigned long kShutdown = 0x8004587D;
constexpr uint32_t kWithoutJournal = 2;
constexpr off_t kImageSize = 64 << 20;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// "/dev/loopN" with `image` behind it; freed when it is unmounted.
std::string attach(const std::filesystem::path& image) {
  const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) fail("/dev/loop-control");
  const int file = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) fail(image.string());
  // Another process may take the free one first.
  for (int tries = 0; tries < 50; ++tries) {
    const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) fail("no free loop device");
    const std::string path = "/dev/loop" + std::to_string(number);
    const int device = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (device < 0) fail(path);
    loop_config config{};
    config.fd = static_cast<uint32_t>(file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    const int r = ::ioctl(device, LOOP_CONFIGURE, &config);
    if (r == 0) {
      ::close(control);
      ::close(file);
      // The descriptor keeps the device until it is mounted.
      return path + "\n" + std::to_string(device);
    }
    ::close(device);
    if (errno != EBUSY) fail(path);
  }
  fail("every loop device is taken");
}

}  // namespace

std::string LoopDisk::obstacle() {
  if (geteuid() != 0) return "only root may mount";
  if (access("/dev/loop-control", R_OK | W_OK) != 0) return "there are no loop devices";
  if (std::system("command -v mkfs.ext4 > /dev/null 2>&1") != 0) return "there is no mkfs.ext4";
  if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return std::string("no mount namespace of its own: ") + std::strerror(errno);
  }
  return {};
}

void LoopDisk::format(const std::filesystem::path& image) {
  const int fd = ::open(image.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, kImageSize) != 0) fail(image.string());
  ::close(fd);
  const std::string command =
      "mkfs.ext4 -q -F -J size=4 -m 0 '" + image.string() + "' > /dev/null 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("mkfs.ext4 failed");
}

LoopDisk::LoopDisk(const std::filesystem::path& image, std::filesystem::path folder)
    : folder_(std::move(folder)) {
  const std::string attached = attach(image);
  const size_t end = attached.find('\n');
  const std::string device = attached.substr(0, end);
  const int held = std::stoi(attached.substr(end + 1));
  const int r = ::mount(device.c_str(), folder_.c_str(), "ext4", 0, nullptr);
  const int error = errno;
  ::close(held);
  errno = error;
  if (r != 0) fail("cannot mount " + device);
  root_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_ < 0) fail(folder_.string());
}

LoopDisk::~LoopDisk() {
  ::close(root_);
  ::umount2(folder_.c_str(), 0);
}

void LoopDisk::cut_power() const noexcept {
  uint32_t flag = kWithoutJournal;
  ::ioctl(root_, kShutdown, &flag);
}

void copy_image(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (in < 0 || out < 0 || ::ftruncate(out, kImageSize) != 0) fail(to.string());
  std::vector<char> buffer(1 << 20);
  off_t at = 0;
  while ((at = ::lseek(in, at, SEEK_DATA)) >= 0) {
    const off_t end = ::lseek(in, at, SEEK_HOLE);
    while (at < end) {
      const auto want = std::min<size_t>(buffer.size(), static_cast<size_t>(end - at));
      const ssize_t got = ::pread(in, buffer.data(), want, at);
      if (got <= 0 || ::pwrite(out, buffer.data(), static_cast<size_t>(got), at) != got) {
        fail(to.string());
      }
      at += got;
    }
  }
  ::close(in);
  ::close(out);
}

}  // namespace eb::test
