#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "extent.hpp"
#include "tests/unit/install/workshop.hpp"

// Sixteen processes on one prefix (F133): all succeed, the releases are whole, `current` is one of
// them, and whoever looks meanwhile never finds it gone once it was there (G3, G7).

namespace eb {
namespace {

using namespace test;

constexpr int kInstallers = 16;

// The process's exit code: of the install's error, 0 without one.
int install_in_a_process(Workshop& shop, const fs::path& bundle) {
  shop.host.pid = getpid();
  try {
    shop.install_file(bundle);
    return 0;
  } catch (const Error& error) {
    const std::string text = render_error("installer", error);
    [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
    return static_cast<int>(error.code());
  }
}

// Looks through `current` until told to stop; counts what must not be.
class Onlooker {
 public:
  explicit Onlooker(const fs::path& prefix)
      : thread_([this, path = (prefix / "current/share/doc/README.txt").string()] {
          bool was_there = false;
          while (!stop_) {
            const std::string text = read_text(path);
            const bool is_there = text == "one" || text == "two";
            if ((was_there && !is_there) || (!text.empty() && !is_there)) ++bad_;
            was_there = was_there || is_there;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  ~Onlooker() {
    stop_ = true;
    thread_.join();
  }
  size_t bad() const { return bad_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<size_t> bad_{0};
  std::thread thread_;
};

// `bundles` are given out in turn; whether a round begins with an empty prefix.
void run_rounds(size_t rounds, bool mixed) {
  Workshop shop;
  shop.options.jobs = 1;
  shop.options.wait_seconds = 60;
  const fs::path bundles[] = {shop.make("one"), shop.make("two")};
  std::map<std::string, std::map<std::string, std::string>> trees;
  for (const char* text : {"one", "two"}) {
    const std::string name = shop.install_file(shop.make(text)).release;
    trees[name] = snapshot(shop.scratch.path() / (std::string("tree-") + text));
  }
  fs::remove_all(shop.prefix());
  for (size_t round = 0; round < rounds; ++round) {
    if (round % 2 == 0) fs::remove_all(shop.prefix());
    const Onlooker onlooker(shop.prefix());
    std::vector<pid_t> children;
    for (int i = 0; i < kInstallers; ++i) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        alarm(120);
        _exit(install_in_a_process(shop, bundles[mixed ? i % 2 : 0]));
      }
      children.push_back(child);
    }
    size_t failed = 0;
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failed;
    }
    INFO("round " << round);
    REQUIRE(failed == 0);
    REQUIRE(onlooker.bad() == 0);
    REQUIRE(trees.contains(shop.current()));
    const auto there = std::distance(fs::directory_iterator(shop.prefix() / "releases"), {});
    REQUIRE(there == (mixed ? 2 : 1));
    for (const auto& entry : fs::directory_iterator(shop.prefix() / "releases")) {
      REQUIRE(release_snapshot(entry.path()) == trees.at(entry.path().filename().string()));
    }
    REQUIRE(shop.leftovers() == std::set<std::string>{});
  }
}

TEST_CASE("F133 sixteen installers of one bundle on one prefix") {
  run_rounds(extent(8, 200), false);
}

TEST_CASE("F133 sixteen installers of two bundles on one prefix") {
  run_rounds(extent(8, 200), true);
}

}  // namespace
}  // namespace eb
