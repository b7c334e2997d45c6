#include "installer/install/bundle_source.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "installer/install/open_bundle.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

TEST_CASE("F025 only a regular file is a bundle") {
  MemoryDir dir;
  const fs::path fifo = dir.path() / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  const std::pair<std::string, std::string> cases[] = {{dir.path().string(), "this is a folder"},
                                                       {fifo.string(), "this is a pipe"},
                                                       {"/dev/null", "this is a device"}};
  for (const auto& [path, why] : cases) {
    const Error error = thrown_error([&, &file = path] { open_bundle_file(real_sys(), file); });
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(error.why() == why);
    CHECK_THAT(error.hints().at(0), Catch::Matchers::Contains("give - as the bundle"));
  }
  const Error error = thrown_error([&] { open_bundle_file(real_sys(), "/no/such"); });
  CHECK(error.code() == ExitCode::kUsage);
}

TEST_CASE("F003 a bundle cut at every length of its header") {
  Workshop shop;
  const std::string data = read_text(shop.make());
  const auto source = open_bundle_file(real_sys(), (shop.scratch.path() / "b1.zst").string());
  const uint64_t header_size = read_bundle_header(*source).prologue.data_offset();
  const fs::path cut = shop.scratch.path() / "cut";
  for (size_t size = 0; size <= header_size + 2; size += size < 300 ? 1 : 97) {
    write_text(cut, data.substr(0, size));
    const auto file = open_bundle_file(real_sys(), cut.string());
    const Error error = thrown_error([&] { read_bundle_header(*file); });
    INFO(size);
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK_THAT(error.where(), Catch::Matchers::StartsWith(cut.string()));
    CHECK(!error.hints().empty());
  }
}

TEST_CASE("F004 F003 the file's size is compared with the prologue's") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const std::string data = read_text(bundle);
  const auto refused = [&](const std::string& bytes) {
    write_text(bundle, bytes);
    const auto source = open_bundle_file(real_sys(), bundle.string());
    return thrown_error([&] { read_bundle_header(*source); });
  };
  CHECK(refused(data + "x").why() == "expected " + std::to_string(data.size()) + " bytes, got " +
                                         std::to_string(data.size() + 1));
  CHECK(std::string(refused(data + "x").what()) == "there is something after the bundle's end");
  CHECK(std::string(refused(data.substr(0, data.size() - 1)).what()) == "the bundle is cut off");
}

TEST_CASE("F027 a medium that cannot be read names the bytes") {
  Workshop shop;
  const fs::path bundle = shop.make();
  FaultySys sys;
  int preads = 0;
  sys.before = [&](const SysCall& call) { return call.name == "pread" && ++preads == 8 ? EIO : 0; };
  const Error error = thrown_error([&] { shop.install_file(bundle, sys, shop.silence); });
  CHECK(error.code() == ExitCode::kIo);
  CHECK_THAT(error.where(), Catch::Matchers::Contains(bundle.string() + ", bytes "));
  CHECK(!fs::exists(shop.prefix()));
}

TEST_CASE("a stream that waits for bytes ends when a stop is requested") {
  StopFlag stop;
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  const Fd in(real_sys(), fds[0]);
  const Fd out(real_sys(), fds[1]);
  const auto source = open_bundle_stream(real_sys(), in.get(), stop);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request(SIGINT);
  });
  std::byte byte[1];
  const auto begin = std::chrono::steady_clock::now();
  const Error error = thrown_error([&] { source->read_at(0, byte); });
  other.join();
  CHECK(static_cast<int>(error.code()) == 130);
  CHECK(std::string(error.what()) == "stopped by SIGINT");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

TEST_CASE("a stream is read in order, in pieces of any size") {
  StopFlag stop;
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  const Fd in(real_sys(), fds[0]);
  std::thread writer([fd = fds[1]] {
    for (int i = 0; i < 10; ++i) {
      std::ignore = ::write(fd, "0123456789", 10);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::close(fd);
  });
  const auto source = open_bundle_stream(real_sys(), in.get(), stop);
  std::byte buffer[95];
  CHECK(source->read_at(0, std::span(buffer, 33)) == 33);
  CHECK(source->read_at(33, std::span(buffer, 57)) == 57);
  CHECK(as_text(Bytes(buffer, 5)) == "34567");
  CHECK(thrown_error([&] { source->read_at(3, buffer); }).code() == ExitCode::kInternal);
  CHECK(source->read_at(90, buffer) == 10);
  writer.join();
}

TEST_CASE("a second stop request is told from the first") {
  StopFlag stop;
  CHECK(stop.signal() == 0);
  CHECK_NOTHROW(stop.check());
  CHECK(!stop.request(SIGTERM));
  CHECK(stop.request(SIGINT));
  CHECK(stop.signal() == SIGTERM);
}

}  // namespace
}  // namespace eb
