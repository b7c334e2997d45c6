#include "installer/install/gc.hpp"

#include <sys/wait.h>

#include "installer/install/history.hpp"
#include "installer/install/rollback.hpp"
#include "installer/lease/lease.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr int64_t kDay = 86400;

struct Shop : Workshop {
  std::vector<std::string> names;  ///< in the order of their installs

  explicit Shop(int releases) {
    for (int i = 1; i <= releases; ++i) {
      // A release a month, the last one today.
      host.now = std::time(nullptr) - int64_t{30} * kDay * (releases - i);
      names.push_back(install_file(make(std::to_string(i))).release);
    }
    host.now = std::time(nullptr);
  }
  GcReport collect(const GcOptions& gc = {}) {
    return collect_garbage(real_sys(), prefix().string(), gc, host, silence, stop);
  }
  std::set<std::string> there() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(prefix() / "releases")) {
      out.insert(entry.path().filename());
    }
    return out;
  }
  fs::path leases() const { return prefix() / ".envinstall/leases"; }
  std::optional<std::string> lease(const std::string& release, const std::string& node = "") {
    fs::create_directories(leases());
    return take_lease(real_sys(), {.prefix = prefix().string(),
                                   .release = release,
                                   .what = "envrun --",
                                   .node = node.empty() ? host.node : node,
                                   .root = {}});
  }
  std::string why(const GcReport& report, const std::string& release) {
    for (const GcVerdict& verdict : report.verdicts) {
      if (verdict.release == release) return verdict.why;
    }
    return "no verdict";
  }
};

/// A program that stands in a folder until the block ends.
class Standing {
 public:
  explicit Standing(const fs::path& folder) {
    int ready[2];
    if (pipe(ready) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      const char ok = chdir(folder.c_str()) == 0 ? 'y' : 'n';
      if (write(ready[1], &ok, 1) != 1) _exit(1);
      sleep(60);
      _exit(0);
    }
    char answer = 'n';
    const bool got = read(ready[0], &answer, 1) == 1;
    close(ready[0]);
    close(ready[1]);
    if (!got || answer != 'y') throw std::runtime_error("no standing process");
  }
  ~Standing() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

TEST_CASE("F134 gc keeps the active release and the one before, and takes the old ones") {
  Shop shop(4);
  GcReport report = shop.collect({.dry_run = true});
  CHECK(report.removed.empty());
  CHECK(shop.there().size() == 4);
  report = shop.collect();
  CHECK(shop.there() == std::set<std::string>{shop.names[2], shop.names[3]});
  REQUIRE(report.verdicts.size() == 4);
  CHECK(report.verdicts[0].release == shop.names[3]);
  CHECK(report.verdicts[0].why == "it is the active one");
  CHECK(report.verdicts[1].why == "one of the 2 that were active last");
  CHECK_THAT(report.verdicts[2].why, StartsWith("was last active "));
  CHECK(report.removed.size() == 2);
  CHECK(shop.current() == shop.names[3]);
  CHECK(shop.collect().removed.empty());
}

TEST_CASE("F134 gc keeps as many as it is told, never the active one away") {
  Shop shop(4);
  CHECK(shop.collect({.keep = 3}).removed.size() == 1);
  CHECK(shop.there().count(shop.names[0]) == 0);
  CHECK(shop.collect({.keep = 1}).removed.size() == 1);  // one was the active one until today
  CHECK(shop.collect({.keep = 1, .older_than_seconds = 0}).removed.size() == 1);
  CHECK(shop.there() == std::set<std::string>{shop.names[3]});
  CHECK(shop.collect({.keep = 1, .older_than_seconds = 0}).removed.empty());
}

TEST_CASE("F134 the order is that of use, not of installs") {
  Shop shop(3);
  rollback(real_sys(), open_prefix(real_sys(), shop.prefix().string()), shop.names[0], shop.host,
           shop.silence, shop.stop);
  shop.host.now += 40 * kDay;
  shop.collect();
  CHECK(shop.there() == std::set<std::string>{shop.names[0], shop.names[2]});
}

TEST_CASE("F134 the order is that of the log, whatever the clocks said") {
  Shop shop(0);
  // All in one second, and the first one by a clock that was far ahead.
  std::vector<std::string> names;
  const int64_t now = shop.host.now;
  for (int i = 1; i <= 5; ++i) {
    shop.host.now = i == 1 ? now + 3000 * kDay : now;
    names.push_back(shop.install_file(shop.make(std::to_string(i))).release);
  }
  const GcReport report = shop.collect({.keep = 2, .dry_run = true});
  REQUIRE(report.verdicts.size() == 5);
  for (size_t i = 0; i < names.size(); ++i) CHECK(report.verdicts[i].release == names[4 - i]);
  // What a rollback would make active is never what goes.
  shop.collect({.keep = 2, .older_than_seconds = 0});
  CHECK(shop.there().contains(names[3]));
  CHECK(shop.there().contains(names[4]));
}

TEST_CASE("F134 a release that the log lost stands where its install puts it") {
  Shop shop(4);
  const fs::path file = shop.prefix() / ".envinstall/log";
  std::string log = read_text(file);
  const size_t line = log.find(shop.names[1]);
  const size_t begin = log.rfind('\n', line) + 1;
  write_text(file, log.erase(begin, log.find('\n', line) + 1 - begin), true);
  const GcReport report = shop.collect({.dry_run = true});
  REQUIRE(report.verdicts.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(report.verdicts[i].release == shop.names[3 - i]);
}

TEST_CASE("F134 a release that was active a short while ago stays") {
  Shop shop(3);
  // As if the last two installs were of this week.
  std::string log = read_text(shop.prefix() / ".envinstall/log");
  CHECK(shop.collect({.older_than_seconds = 31 * kDay}).removed.empty());
  CHECK_THAT(shop.why(shop.collect({.older_than_seconds = 31 * kDay}), shop.names[0]),
             Contains("was last active 30 days ago"));
  CHECK(shop.collect({.older_than_seconds = 29 * kDay}).removed.size() == 1);
}

TEST_CASE("F134 without a log the link's own time decides") {
  Shop shop(3);
  fs::remove(shop.prefix() / ".envinstall/log");
  // It was made a moment ago, so nobody can say that a release has been idle for longer.
  CHECK(shop.collect().removed.empty());
  CHECK(shop.collect({.older_than_seconds = 0}).removed.size() == 1);
  CHECK(shop.there() == std::set<std::string>{shop.names[1], shop.names[2]});
}

TEST_CASE("F134 a release that a process of this machine stands in or runs from stays") {
  Shop shop(3);
  {
    const Standing process(shop.release(shop.names[0]) / "share");
    const GcReport report = shop.collect();
    CHECK(report.removed.empty());
    CHECK_THAT(shop.why(report, shop.names[0]),
               StartsWith("in use: 1 process here (") &&
                   Contains(", " + std::to_string(process.pid()) + ")"));
  }
  {
    // Open files count too.
    std::ifstream held;
    const pid_t child = fork();
    if (child == 0) {
      held.open(shop.release(shop.names[0]) / "share/doc/README.txt");
      sleep(60);
      _exit(0);
    }
    for (int i = 0; i < 200 && shop.collect({.dry_run = true}).verdicts.back().goes; ++i) {
      usleep(10'000);
    }
    CHECK_THAT(shop.why(shop.collect(), shop.names[0]), StartsWith("in use: "));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  CHECK(shop.collect().removed.size() == 1);
}

TEST_CASE("F134 a lease of a living process, or of another node, keeps a release") {
  Shop shop(3);
  CHECK(!take_lease(real_sys(), {.prefix = shop.prefix().string(),
                                 .release = shop.names[0],
                                 .what = "x",
                                 .node = "n",
                                 .root = {}}));  // nobody asked for leases
  std::optional<std::string> lease = shop.lease(shop.names[0]);
  REQUIRE(lease);
  CHECK_THAT(shop.why(shop.collect(), shop.names[0]),
             Contains("1 lease (envrun -- on " + shop.host.node + ")"));
  drop_lease(real_sys(), lease);
  CHECK(fs::is_empty(shop.leases()));

  lease = shop.lease(shop.names[0], "other");
  REQUIRE(lease);
  std::string text = read_text(*lease);
  text.replace(text.find("boot ") + 5, 4, "ffff");
  write_text(*lease, text);
  CHECK_THAT(shop.why(shop.collect(), shop.names[0]), Contains("1 lease (envrun -- on other)"));
  // Nobody can ask that node; after --older-than it counts no longer, and goes.
  fs::last_write_time(*lease, fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  const GcReport report = shop.collect();
  CHECK(report.leases_over == 1);
  CHECK(report.removed.size() == 1);
  CHECK(!fs::exists(*lease));
}

TEST_CASE("F134 a lease whose process is gone keeps nothing") {
  Shop shop(3);
  fs::create_directories(shop.leases());
  const pid_t child = fork();
  if (child == 0) _exit(shop.lease(shop.names[0]) ? 0 : 1);
  // Its parent has not asked after it yet, so it still has a number.
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(!fs::is_empty(shop.leases()));
  CHECK(shop.why(shop.collect({.dry_run = true}), shop.names[0]).starts_with("was last active"));
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(status == 0);
  CHECK(shop.collect({.dry_run = true}).leases_over == 0);
  CHECK(!fs::is_empty(shop.leases()));
  const GcReport report = shop.collect();
  CHECK(report.leases_over == 1);
  CHECK(report.removed.size() == 1);
  // What is no lease is left alone and stops nothing.
  write_text(shop.leases() / "nonsense", "x");
  fs::create_directory(shop.leases() / "folder");
  fs::create_symlink("/etc/passwd", shop.leases() / "link");
  CHECK_NOTHROW(shop.collect());
  CHECK(fs::exists(shop.leases() / "nonsense"));
}

TEST_CASE("releases are known by their paths, however the prefix is called") {
  const std::vector<std::string> known = {"a-1", "b-2"};
  using Names = std::vector<NamedRelease>;
  CHECK(releases_in("/somewhere/releases/a-1/lib/x.so", known) ==
        Names{{"a-1", "/somewhere/releases/a-1"}});
  CHECK(releases_in("7f00-7f01 r-xp 0 08:01 7 /p/releases/b-2/bin/python (deleted)\n"
                    "7f02-7f03 r-xp 0 08:01 7 /p q/releases/a-1/x\n"
                    "7f04-7f05 r-xp 0 08:01 7 /p q/releases/a-1/y\n",
                    known) == Names{{"b-2", "/p/releases/b-2"}, {"a-1", "/p q/releases/a-1"}});
  CHECK(releases_in("/p/releases/a-1", known) == Names{{"a-1", "/p/releases/a-1"}});
  CHECK(releases_in("/p/releases/a-12/x", known).empty());
  CHECK(releases_in("/p/releases/", known).empty());
  CHECK(releases_in("", known).empty());
}

TEST_CASE("F134 the same release in another prefix is another one") {
  Shop shop(3);
  const fs::path copy = shop.scratch.path() / "copy/releases";
  fs::create_directories(copy);
  fs::copy(shop.release(shop.names[0]), copy / shop.names[0], fs::copy_options::recursive);
  const Standing process(copy / shop.names[0] / "share");
  CHECK(shop.collect().removed.size() == 1);
}

TEST_CASE("the log is read as history") {
  size_t skipped = 9;
  const auto events = parse_history(
      "2026-03-04T05:06:07Z installed a-1 id 0a signer SHA256:x uid 7 with --allow-downgrade with "
      "--allow-expired\n"
      "2026-03-05T05:06:07Z rolled back to b-2 id 0b from a-1 uid 0\n"
      "2026-03-06T05:06:07Z uninstalled a-1 uid 0\n"
      "something else\n"
      "2026-03-06T05:06:07Z\n"
      "2026-3-6T5:6:7Z installed c uid 1\n"
      "2026-03-07T00:00:00Z repaired b-2 id 0b paths 3 uid 8\n",
      &skipped);
  REQUIRE(events.size() == 4);
  CHECK(skipped == 3);
  CHECK(events[0].what == "installed");
  CHECK(events[0].id == "0a");
  CHECK(events[0].signer == "SHA256:x");
  CHECK(events[0].uid == 7);
  CHECK(events[0].exceptions == std::vector<std::string>{"--allow-downgrade", "--allow-expired"});
  CHECK(events[1].what == "rolled back");
  CHECK(events[1].release == "b-2");
  CHECK(events[1].previous == "a-1");
  CHECK(events[3].what == "repaired");
  const auto times = active_times(events);
  CHECK(times.at("a-1").until == events[1].time);
  CHECK(!times.at("b-2").until);
  CHECK(parse_history("", nullptr).empty());
}

}  // namespace
}  // namespace eb
