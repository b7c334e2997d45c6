#include "installer/install/prewarm.hpp"

#include <algorithm>

#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

// What a prewarm opens in the release, in order.
struct Warmed : Workshop {
  std::string first = install_file(make()).release;
  std::vector<std::string> opened;

  PrewarmReport run(const PrewarmOptions& options = {}) {
    opened.clear();
    FaultySys sys;
    sys.before = [&](const SysCall& call) {
      const std::string path = call.path;
      if (std::string(call.name) == "openat" &&
          (path.ends_with(".pyc") || path == "python" || path.find(".so") != std::string::npos ||
           path.ends_with(".py"))) {
        opened.push_back(path);
      }
      return 0;
    };
    return prewarm(sys, open_prefix(sys, prefix().string()), options, host, silence, stop);
  }
};

TEST_CASE("prewarm reads programs, libraries and bytecode, and nothing else") {
  Warmed shop;
  const auto before = snapshot(shop.prefix());
  const PrewarmReport report = shop.run();
  CHECK(report.release == shop.first);
  CHECK(report.files == 3);
  CHECK(report.left_out == 0);
  CHECK(report.bytes == 120'000 + 777 + fs::file_size(shop.release(shop.first) / "bin/python"));
  // In the order of the stream: bytecode before binaries; links are their targets' business.
  CHECK(shop.opened ==
        std::vector<std::string>{"__init__.cpython-311.pyc", "python", "libbig.so.1"});
  CHECK(snapshot(shop.prefix()) == before);
}

TEST_CASE("prewarm keeps to the memory that it may use") {
  Warmed shop;
  const PrewarmReport report = shop.run({.max_bytes = 10'000});
  CHECK(report.files == 2);
  CHECK(report.left_out == 1);
  CHECK(report.bytes < 10'000);
  // By default half of what /proc/meminfo calls available.
  shop.host.root = (shop.scratch.path() / "machine").string();
  write_text(shop.host.root + "/proc/meminfo", "MemTotal: 999 kB\nMemAvailable:       3 kB\n");
  CHECK(available_memory(real_sys(), shop.host.root) == std::optional<uint64_t>(3072));
  CHECK(shop.run().left_out == 1);
}

TEST_CASE("prewarm of a damaged release reads what there is") {
  Warmed shop;
  fs::remove(shop.release(shop.first) / "lib/libbig.so.1");
  fs::create_symlink("/etc/passwd", shop.release(shop.first) / "lib/libbig.so.1");
  CHECK(shop.run().files == 2);
}

TEST_CASE("prewarm names what is not there") {
  Warmed shop;
  const Error error = thrown_error([&] { shop.run({.release = "nothing"}); });
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(error.what()) == "there is no release nothing");
  fs::remove(shop.prefix() / "current");
  CHECK(std::string(thrown_error([&] { shop.run(); }).what()) == "no release is active there");
}

}  // namespace
}  // namespace eb
