#include "installer/check/child_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "child_script.hpp"
#include "installer/check/process_tree.hpp"

namespace eb {
namespace {

using namespace std::chrono_literals;
using test::TempDir;
using test::write_script;
using Strings = std::vector<std::string>;

struct Run {
  ChildResult result;
  Strings lines;
};

// Short enough for a test; long enough for a machine that does much else.
ChildBounds quick() {
  ChildBounds out;
  out.first_limit = 20s;
  out.term_grace = 300ms;
  out.kill_grace = 2s;
  return out;
}

Run run(const Strings& arguments, const ChildBounds& bounds = quick(),
        const std::function<bool()>& stopped = {},
        const Strings& environment = {"PATH=/bin:/usr/bin"}) {
  Run out;
  out.result = run_child(real_sys(), {arguments, environment}, bounds, stopped,
                         [&](std::string_view line) -> std::optional<Milliseconds> {
                           out.lines.emplace_back(line);
                           return std::nullopt;
                         });
  return out;
}

Run run_shell(const std::string& text, const ChildBounds& bounds = quick(),
              const std::function<bool()>& stopped = {}) {
  return run({"/bin/sh", "-c", text}, bounds, stopped);
}

size_t open_descriptors() {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

bool is_alive(pid_t pid) {
  const ProcessEntry entry = read_process(real_sys(), pid);
  return entry.pid == pid && entry.state != 'Z';
}

// A killed process needs a moment until it is gone.
bool is_gone_soon(pid_t pid) {
  for (int i = 0; i < 200 && is_alive(pid); ++i) std::this_thread::sleep_for(10ms);
  return !is_alive(pid);
}

pid_t pid_in(const std::string& file) {
  std::ifstream in(file);
  pid_t pid = 0;
  in >> pid;
  return pid;
}

bool has_no_child() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

TEST_CASE("a child's lines, exit code and last words") {
  const Run ran = run_shell("echo one; printf 'two words\\n'; echo bad >&2; exit 3");
  CHECK(ran.lines == Strings{"one", "two words"});
  CHECK(ran.result.exit_code == 3);
  CHECK(ran.result.signal == 0);
  CHECK(ran.result.cut == ChildCut::kNone);
  CHECK(ran.result.error_tail == "bad\n");
  CHECK(ran.result.start_error == 0);
  CHECK_FALSE(ran.result.abandoned);
  CHECK(has_no_child());
}

TEST_CASE("a child has the environment that it is given and nothing else") {
  REQUIRE(::setenv("EB_TEST_SECRET", "1", 1) == 0);
  const Run ran = run({"/usr/bin/env"}, quick(), {}, {"A=1", "B=two words"});
  ::unsetenv("EB_TEST_SECRET");
  CHECK(ran.lines == Strings{"A=1", "B=two words"});
}

TEST_CASE("a child reads nothing and leads a group of its own") {
  const Run ran = run_shell(
      "cat; read x || echo end; ps -o pgid= -p $$ 2>/dev/null || "
      "cut -d' ' -f5 /proc/$$/stat");
  REQUIRE(ran.lines.size() == 2);
  CHECK(ran.lines[0] == "end");
  CHECK(std::stoi(ran.lines[1]) == ran.result.pid);
  CHECK(ran.result.pid != ::getpgrp());
}

TEST_CASE("a child has three descriptors, and the usual signals") {
  ::signal(SIGPIPE, SIG_IGN);
  const int inherited = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  const Run ran = run_shell("ls /proc/self/fd; grep -E 'SigBlk|SigIgn' /proc/self/status");
  ::signal(SIGPIPE, SIG_DFL);
  ::close(inherited);
  // ls itself opens the folder as 3.
  REQUIRE(ran.lines.size() == 6);
  CHECK(Strings(ran.lines.begin(), ran.lines.begin() + 4) == Strings{"0", "1", "2", "3"});
  CHECK(ran.lines[4] == "SigBlk:\t0000000000000000");
  const auto ignored = std::stoull(ran.lines[5].substr(8), nullptr, 16);
  CHECK((ignored >> (SIGPIPE - 1) & 1) == 0);
}

TEST_CASE("a crash is told by its signal and leaves no core file") {
  const Run ran = run_shell("echo before; kill -SEGV $$");
  CHECK(ran.lines == Strings{"before"});
  CHECK(ran.result.signal == SIGSEGV);
  CHECK(!ran.result.exit_code);
  CHECK(run_shell("ulimit -c").lines == Strings{"0"});
}

TEST_CASE("a child that hangs ends at its deadline") {
  ChildBounds bounds = quick();
  bounds.first_limit = 300ms;
  const Run ran = run_shell("echo here; exec sleep 60", bounds);
  CHECK(ran.lines == Strings{"here"});
  CHECK(ran.result.cut == ChildCut::kDeadline);
  CHECK(ran.result.signal == SIGTERM);
  CHECK(ran.result.seconds >= 0.3);
  CHECK(ran.result.seconds < 10);
  CHECK(has_no_child());
}

TEST_CASE("a child that ignores SIGTERM gets SIGKILL") {
  ChildBounds bounds = quick();
  bounds.first_limit = 300ms;
  bounds.term_grace = 200ms;
  const Run ran = run_shell("trap '' TERM; while :; do sleep 0.05; done", bounds);
  CHECK(ran.result.cut == ChildCut::kDeadline);
  CHECK(ran.result.signal == SIGKILL);
  CHECK(ran.result.seconds >= 0.5);
  CHECK(ran.result.seconds < 10);
}

TEST_CASE("a child that is told to end may tidy up, and what it says then is not believed") {
  TempDir dir;
  const std::string mark = (dir.path() / "tidied").string();
  ChildBounds bounds = quick();
  bounds.first_limit = 300ms;
  bounds.term_grace = 10s;
  const Run ran = run_shell("trap 'echo late; touch " + mark +
                                "; exit 7' TERM; echo early; "
                                "while :; do sleep 0.05; done",
                            bounds);
  CHECK(ran.lines == Strings{"early"});
  CHECK(ran.result.cut == ChildCut::kDeadline);
  CHECK(ran.result.exit_code == 7);
  CHECK(std::filesystem::exists(mark));
}

TEST_CASE("a line moves the deadline") {
  ChildBounds bounds = quick();
  bounds.first_limit = 400ms;
  // Five lines, 0.2 s apart: only with a moving deadline is there time for them.
  const auto begin = std::chrono::steady_clock::now();
  size_t lines = 0;
  const ChildResult result =
      run_child(real_sys(),
                {{"/bin/sh", "-c", "for i in 1 2 3 4 5; do sleep 0.2; echo $i; done"},
                 {"PATH=/bin:/usr/bin"}},
                bounds, {}, [&](std::string_view) -> std::optional<Milliseconds> {
                  ++lines;
                  return 5s;
                });
  CHECK(lines == 5);
  CHECK(result.cut == ChildCut::kNone);
  CHECK(result.exit_code == 0);
  CHECK(std::chrono::steady_clock::now() - begin > 900ms);
}

TEST_CASE("a line can also shorten the time") {
  const auto result = run_child(
      real_sys(), {{"/bin/sh", "-c", "echo x; exec sleep 60"}, {"PATH=/bin:/usr/bin"}}, quick(), {},
      [&](std::string_view) -> std::optional<Milliseconds> { return 100ms; });
  CHECK(result.cut == ChildCut::kDeadline);
  CHECK(result.seconds < 10);
}

TEST_CASE("processes that a child started end with it") {
  TempDir dir;
  const std::string pids = (dir.path() / "pid").string();
  SECTION("when it ends by itself and they keep its output open") {
    const Run ran = run_shell("sleep 60 & echo $! > " + pids + "; echo done");
    CHECK(ran.result.exit_code == 0);
    CHECK(ran.lines == Strings{"done"});
    CHECK(ran.result.seconds < 10);
  }
  SECTION("at the deadline, also those that ignore SIGTERM") {
    ChildBounds bounds = quick();
    bounds.first_limit = 500ms;
    const Run ran = run_shell(
        "(trap '' TERM; while :; do sleep 0.05; done) & echo $! > " + pids + "; wait", bounds);
    CHECK(ran.result.cut == ChildCut::kDeadline);
    CHECK(ran.result.seconds < 10);
  }
  SECTION("at the deadline, also those that left the group") {
    ChildBounds bounds = quick();
    bounds.first_limit = 1s;
    const Run ran = run_shell("setsid sh -c 'echo $$ > " + pids +
                                  "; trap \"\" TERM; while :; do sleep 0.05; done' & wait",
                              bounds);
    CHECK(ran.result.cut == ChildCut::kDeadline);
  }
  const pid_t grandchild = pid_in(pids);
  REQUIRE(grandchild > 1);
  CHECK(is_gone_soon(grandchild));
}

TEST_CASE("a flood of output ends the child and costs no memory") {
  ChildBounds bounds = quick();
  SECTION("bytes of one endless line") {
    bounds.output_bytes = 200'000;
    const Run ran = run_shell("exec cat /dev/zero", bounds);
    CHECK(ran.result.cut == ChildCut::kTooMuchOutput);
    CHECK(ran.lines.empty());
  }
  SECTION("lines") {
    bounds.lines = 100;
    const Run ran = run_shell("while :; do echo note; done", bounds);
    CHECK(ran.result.cut == ChildCut::kTooMuchOutput);
    CHECK(ran.lines.size() == 100);
  }
  SECTION("lines of a child that has ended already") {
    bounds.lines = 3;
    const Run ran = run_shell("printf '1\\n2\\n3\\n4\\n5\\n'", bounds);
    CHECK(ran.result.cut == ChildCut::kTooMuchOutput);
    CHECK(ran.lines.size() == 3);
  }
  SECTION("on standard error: only the end is kept, and the deadline still comes") {
    bounds.first_limit = 500ms;
    bounds.error_tail_bytes = 100;
    const Run ran = run_shell("exec yes 123456789 >&2", bounds);
    CHECK(ran.result.cut == ChildCut::kDeadline);
    CHECK(ran.result.error_tail.size() == 100);
    CHECK(ran.result.error_tail.find("123456789\n") != std::string::npos);
  }
  CHECK(has_no_child());
}

TEST_CASE("lines that are too long are dropped and counted") {
  // 64 KiB is what a pipe holds.
  const Run ran = run_shell(
      "echo first; head -c 65536 /dev/zero | tr '\\0' x; echo; echo second; "
      "head -c 16384 /dev/zero | tr '\\0' y; echo; head -c 16385 /dev/zero | tr '\\0' z; echo; "
      "echo last");
  REQUIRE(ran.lines.size() == 4);
  CHECK(ran.lines[0] == "first");
  CHECK(ran.lines[1] == "second");
  CHECK(ran.lines[2] == std::string(16384, 'y'));
  CHECK(ran.lines[3] == "last");
  CHECK(ran.result.long_lines == 2);
}

TEST_CASE("rubbish, empty lines and a line that is cut off") {
  const Run ran = run_shell("printf '\\000\\377\\t\\033[2J\\n\\n\\r\\nok 1\\nok 0.'");
  REQUIRE(ran.lines.size() == 4);
  CHECK(ran.lines[0] == std::string("\0\377\t\033[2J", 7));
  CHECK(ran.lines[1].empty());
  CHECK(ran.lines[2] == "\r");
  CHECK(ran.lines[3] == "ok 1");
  CHECK(ran.result.exit_code == 0);
}

TEST_CASE("a child that closes its output and hangs ends at its deadline") {
  ChildBounds bounds = quick();
  bounds.first_limit = 400ms;
  const Run ran = run_shell("echo x; exec >&- 2>&-; exec sleep 60", bounds);
  CHECK(ran.lines == Strings{"x"});
  CHECK(ran.result.cut == ChildCut::kDeadline);
  CHECK(ran.result.seconds < 10);
}

TEST_CASE("a program that cannot be started") {
  TempDir dir;
  CHECK(run({(dir.path() / "missing").string()}).result.start_error == ENOENT);
  CHECK(run({write_script(dir.path() / "plain", "exit 0", 0644)}).result.start_error == EACCES);
  CHECK(run({dir.path().string()}).result.start_error == EACCES);
  const std::string rubbish = (dir.path() / "rubbish").string();
  std::ofstream(rubbish) << "\x7f"
                            "ELF of nothing";
  chmod(rubbish.c_str(), 0755);
  CHECK(run({rubbish}).result.start_error == ENOEXEC);
  const std::string lost = write_script(dir.path() / "lost", "");
  std::ofstream(lost) << "#!" << (dir.path() / "no-shell").string() << "\n";
  CHECK(run({lost}).result.start_error == ENOENT);
  CHECK(has_no_child());
}

TEST_CASE("a wish to stop ends the child and its group") {
  TempDir dir;
  const std::string pids = (dir.path() / "pid").string();
  std::atomic<bool> stop = false;
  std::thread later([&] {
    for (int i = 0; i < 500 && pid_in(pids) == 0; ++i) std::this_thread::sleep_for(10ms);
    stop = true;
  });
  const Run ran =
      run_shell("sleep 60 & echo $! > " + pids + "; wait", quick(), [&] { return stop.load(); });
  later.join();
  CHECK(ran.result.cut == ChildCut::kStopped);
  CHECK(ran.result.seconds < 15);
  REQUIRE(pid_in(pids) > 1);
  CHECK(is_gone_soon(pid_in(pids)));
}

TEST_CASE("a child that nothing can end is given up") {
  // Nothing can make a process that waits in the kernel on purpose: the signals do not arrive.
  ChildBounds bounds = quick();
  bounds.first_limit = 200ms;
  bounds.term_grace = 100ms;
  bounds.kill_grace = 200ms;
  Strings sent;
  bounds.send_signal = [&](pid_t target, int signal) {
    sent.push_back(std::string(target < 0 ? "group " : "process ") + std::to_string(signal));
    return 0;
  };
  const size_t before = open_descriptors();
  const Run ran = run_shell("exec sleep 60", bounds);
  CHECK(ran.result.abandoned);
  CHECK(ran.result.abandoned_state == 'S');
  CHECK(ran.result.cut == ChildCut::kDeadline);
  CHECK(!ran.result.exit_code);
  CHECK(ran.result.seconds < 10);
  CHECK(sent == Strings{"group 15", "group 9"});
  CHECK(open_descriptors() == before);
  REQUIRE(ran.result.pid > 1);
  CHECK(is_alive(ran.result.pid));
  ::kill(ran.result.pid, SIGKILL);
  ::waitpid(ran.result.pid, nullptr, 0);
}

TEST_CASE("an exception of the line handler ends the child") {
  TempDir dir;
  const size_t before = open_descriptors();
  const auto call = [&] {
    run_child(real_sys(), {{"/bin/sh", "-c", "echo $$; sleep 60"}, {"PATH=/bin:/usr/bin"}}, quick(),
              {}, [&](std::string_view line) -> std::optional<Milliseconds> {
                throw std::runtime_error(std::string(line));
              });
  };
  std::string pid;
  try {
    call();
    FAIL("nothing was thrown");
  } catch (const std::runtime_error& error) {
    pid = error.what();
  }
  CHECK(!is_alive(std::stoi(pid)));
  CHECK(has_no_child());
  CHECK(open_descriptors() == before);
}

TEST_CASE("no descriptor is left behind, by many threads at once") {
  run_shell("true");
  const size_t before = open_descriptors();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        const Run ran = run_shell("echo x; exit 5");
        if (ran.result.exit_code == 5 && ran.lines == Strings{"x"}) ++good;
        if (run({"/nowhere/program"}).result.start_error == ENOENT) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 40);
  CHECK(open_descriptors() == before);
  CHECK(has_no_child());
}

TEST_CASE("standard descriptors that are closed do not mix up the child's") {
  // In a process of its own, because the test's standard output is needed.
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(0);
    ::close(1);
    ::close(2);
    const Run ran = run_shell("echo out; echo err >&2; cat");
    const bool good = ran.lines == Strings{"out"} && ran.result.error_tail == "err\n" &&
                      ran.result.exit_code == 0;
    ::_exit(good ? 42 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("a parent that ignores SIGCHLD gets its answer too") {
  ::signal(SIGCHLD, SIG_IGN);
  const Run ran = run_shell("echo x; exit 3");
  ::signal(SIGCHLD, SIG_DFL);
  CHECK(ran.lines == Strings{"x"});
  CHECK(!ran.result.exit_code);  // the kernel has thrown it away
  CHECK(ran.result.signal == 0);
  CHECK(ran.result.seconds < 10);
}

TEST_CASE("what /proc says of a process") {
  const std::string tail = " 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 4242 23 24\n";
  const ProcessEntry entry = parse_process_stat("77 (a) b) (c) D 12" + tail);
  CHECK(entry.pid == 77);
  CHECK(entry.parent == 12);
  CHECK(entry.state == 'D');
  CHECK(entry.start == "4242");
  for (const char* bad : {"", "77", "77 (x", "77 (x) S", "x (x) S 1", "77 (x) SS 1 2", ") ( S 1",
                          "-5 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"}) {
    CHECK(parse_process_stat(bad).pid == 0);
  }
  CHECK(read_process(real_sys(), ::getpid()).parent == ::getppid());
  CHECK(read_process(real_sys(), 1 << 30).pid == 0);
}

}  // namespace
}  // namespace eb
