#include "installer/install/spanning_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "installer/base/error.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb {
namespace {

using test::ForwardingSys;

/// Takes O_DIRECT off, so that tests do not depend on where they run, and is as strict as a disk
/// with what was opened so.
class DiskSys final : public ForwardingSys {
 public:
  int openat(int dir, const char* path, int flags, mode_t mode) override {
    if ((flags & O_DIRECT) != 0 && open_error != 0) return -open_error;
    const int fd = ForwardingSys::openat(dir, path, flags & ~O_DIRECT, mode);
    if ((flags & O_DIRECT) != 0) direct = fd;
    return fd;
  }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    ++allocations;
    return allocation_error != 0 ? -allocation_error
                                 : ForwardingSys::ftruncate(fd, mode == 0 ? offset + size : -1);
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    if (fd != direct) {
      return counted(ForwardingSys::pwrite(fd, buffer, size, offset), through_cache);
    }
    if (reinterpret_cast<uintptr_t>(buffer) % 512 != 0 || size % 4096 != 0 || offset % 4096 != 0) {
      misaligned = true;
      return -EINVAL;
    }
    if (!answers.empty()) {
      const int answer = answers.back();
      answers.pop_back();
      if (answer <= 0) return answer;
      size = std::min(size, static_cast<size_t>(answer));
    }
    return counted(ForwardingSys::pwrite(fd, buffer, size, offset), past_cache);
  }

  static ssize_t counted(ssize_t put, uint64_t& sum) {
    sum += static_cast<uint64_t>(std::max<ssize_t>(put, 0));
    return put;
  }

  int open_error = 0;
  int allocation_error = 0;
  std::vector<int> answers;  ///< to direct writes, the last one first: -errno, or a short count
  int direct = -1;
  int allocations = 0;
  bool misaligned = false;
  uint64_t through_cache = 0;
  uint64_t past_cache = 0;
};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{4096}); }
};

struct Shop {
  static constexpr size_t kSize = 100'000;

  test::TempDir scratch;
  DiskSys sys;
  Fd dir = open_dir_at(sys, AT_FDCWD, scratch.path().c_str(), "scratch");
  SpanningFile file;
  // A frame's buffer, and what of the file lies in it behind a header of 512 bytes.
  std::unique_ptr<std::byte[], AlignedDelete> memory{new (std::align_val_t{4096})
                                                         std::byte[kSize + 512]};
  std::span<std::byte> content{memory.get() + 512, kSize};

  Shop() {
    std::mt19937 random(7);
    for (std::byte& byte : content) byte = static_cast<std::byte>(random());
    file.set_size(kSize);
  }
  bool open(bool past_cache = true) {
    return file.open(
        sys, [this] { return create_at(sys, dir.get(), "f", 0644, "f"); },
        [this](int flags) { return sys.openat(dir.get(), "f", flags | O_CLOEXEC, 0); }, past_cache,
        "f");
  }
  /// Returns whether it was the last part.
  bool write(size_t begin, size_t end) {
    return static_cast<bool>(file.write(sys, content.subspan(begin, end - begin), begin, "f"));
  }
  bool is_right() const {
    const auto bytes = read_file_at(real_sys(), dir.get(), "f", 1u << 20, "f");
    return std::ranges::equal(bytes, content);
  }
};

TEST_CASE("a large file's whole blocks go past the cache, its parts in any order") {
  Shop shop;
  REQUIRE(shop.open());
  CHECK(shop.open());  // another worker
  CHECK(!shop.write(65'536, 99'840));
  CHECK(!shop.write(0, 33'280));
  CHECK(!shop.write(99'840, Shop::kSize));  // less than a block
  CHECK(shop.write(33'280, 65'536));
  CHECK(shop.is_right());
  CHECK(!shop.sys.misaligned);
  CHECK(shop.sys.allocations == 1);
  // A profile's short counts may leave a part of a block, and the rest then goes the other way.
  if (std::getenv("EB_PROFILE") == nullptr) {
    CHECK(shop.sys.past_cache == 8u * 4096 + 7u * 4096 + 8u * 4096);
  }
  CHECK(shop.sys.past_cache + shop.sys.through_cache == Shop::kSize);
}

TEST_CASE("parts at odd addresses go through the cache") {
  Shop shop;
  REQUIRE(shop.open());
  CHECK(!shop.write(0, 100));
  CHECK(shop.write(100, Shop::kSize));  // its first block begins 3996 bytes on, at an even one
  CHECK(shop.is_right());
  Shop odd;
  odd.content = odd.content.subspan(1, odd.content.size() - 1);
  odd.file.set_size(odd.content.size());
  REQUIRE(odd.open());
  CHECK(odd.write(0, odd.content.size()));
  CHECK(odd.is_right());
  CHECK(odd.sys.past_cache == 0);
}

TEST_CASE("a file system that cannot is asked once, and all goes through the cache") {
  for (const int error : {EINVAL, EOPNOTSUPP, ENOSYS, EPERM}) {
    Shop shop;
    (error == EINVAL ? shop.sys.open_error : shop.sys.allocation_error) = error;
    CHECK(!shop.open());
    CHECK(shop.write(0, Shop::kSize));
    CHECK(shop.is_right());
    CHECK(shop.sys.past_cache == 0);
  }
  Shop shop;
  CHECK(!shop.open(false));
  CHECK(shop.sys.allocations == 0);
  CHECK(shop.write(0, Shop::kSize));
  CHECK(shop.is_right());
}

TEST_CASE("a direct write that is refused, short or interrupted is finished") {
  for (const std::vector<int>& answers : std::vector<std::vector<int>>{
           {-EINVAL}, {-EINTR}, {8192}, {1000}, {-EINVAL, 4096, -EINTR}}) {
    Shop shop;
    shop.sys.answers = answers;
    REQUIRE(shop.open());
    CHECK(!shop.write(512, Shop::kSize));
    CHECK(shop.write(0, 512));
    CHECK(shop.is_right());
    CHECK(shop.sys.answers.empty());
    CHECK(!shop.sys.misaligned);
  }
}

TEST_CASE("a full disk is told as such, at the allocation and at a write") {
  const auto code_of = [](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      CHECK(std::string(error.what()) == "cannot write");
      CHECK(error.where() == "f");
      return error.code();
    }
    return ExitCode::kOk;
  };
  Shop shop;
  shop.sys.allocation_error = ENOSPC;
  CHECK(code_of([&] { shop.open(); }) == ExitCode::kNoSpace);
  Shop later;
  later.sys.answers = {-ENOSPC};
  REQUIRE(later.open());
  CHECK(code_of([&] { later.write(0, Shop::kSize); }) == ExitCode::kNoSpace);
  Shop broken;
  broken.sys.answers = {0};
  REQUIRE(broken.open());
  CHECK(code_of([&] { broken.write(0, Shop::kSize); }) == ExitCode::kIo);
}

TEST_CASE("workers write one large file at the same time") {
  for (int round = 0; round < 20; ++round) {
    Shop shop;
    std::atomic<int> last{0};
    {
      std::vector<std::jthread> workers;
      for (size_t i = 0; i < 4; ++i) {
        workers.emplace_back([&, i] {
          for (size_t part = i; part < 10; part += 4) {
            shop.open();
            if (shop.write(part * 10'000, (part + 1) * 10'000)) ++last;
          }
        });
      }
    }
    CHECK(last == 1);
    CHECK(shop.is_right());
  }
}

}  // namespace
}  // namespace eb
