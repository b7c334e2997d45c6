// Every allocation of an install fails, once and from then on (F121): what is there stays, what is
// new is whole, and where an error is reported it is 21.
//
//     out_of_memory [--step N | --at N]
//
// What zstd and OpenSSL take by malloc is not part of it.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "extent.hpp"
#include "failing_allocations.hpp"
#include "installer/cli/environment.hpp"
#include "tests/unit/install/workshop.hpp"
#include "tests/unit/installer_cli/installer_run.hpp"

namespace eb {
namespace {

using namespace test;

class MemoryRun {
 public:
  MemoryRun() {
    shop_.options.jobs = 2;
    for (const char* text : {"one", "two"}) {
      bundles_.push_back(shop_.make(text));
      names_.push_back(shop_.install_file(bundles_.back()).release);
      trees_.push_back(snapshot(shop_.scratch.path() / (std::string("tree-") + text)));
    }
  }

  // Allocations of a whole upgrade.
  long count() {
    reset();
    start_counting(0, false);
    shop_.run(arguments());
    return stop_counting();
  }

  // False, with a line that says why, when something is not as it has to be.
  bool fail_at(long number, bool for_ever) {
    reset();
    const pid_t child = fork();
    if (child == 0) {
      // What hangs is a failure, and a core of it nobody needs.
      alarm(60);
      const rlimit none{0, 0};
      setrlimit(RLIMIT_CORE, &none);
      [[maybe_unused]] const auto* quiet = std::freopen("/dev/null", "w", stderr);
      const auto given = arguments();
      std::ostringstream out;
      std::ostringstream err;
      StopFlag stop;
      Environment environment{real_sys(), out, err, stop};
      environment.variable = [](const char*) { return std::string(); };
      environment.anchors = shop_.anchors;
      start_counting(number, for_ever);
      const int code = run_installer(given, environment);
      stop_counting();
      _exit(code);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const std::string where =
        "allocation " + std::to_string(number) + (for_ever ? " and all later" : "");
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ++codes_[code];
    if (code != 0 && code != static_cast<int>(ExitCode::kIo)) {
      return complain(where, "exit " + std::to_string(code));
    }
    const std::string current = shop_.current();
    if (current != names_[0] && current != names_[1]) return complain(where, "current " + current);
    if (code == 0 && current != names_[1]) return complain(where, "success without effect");
    for (size_t i = 0; i < 2; ++i) {
      const bool is_there = fs::exists(shop_.release(names_[i]));
      if (!is_there && i == 0) return complain(where, "the old release is gone");
      if (is_there && release_snapshot(shop_.release(names_[i])) != trees_[i]) {
        return complain(where, names_[i] + " is not whole");
      }
    }
    // The process is gone: what it left is the next one's to tidy up.
    try {
      shop_.install_file(bundles_[1]);
    } catch (const Error& error) {
      return complain(where, render_error("again", error));
    }
    return shop_.current() == names_[1] && shop_.leftovers().empty() ? true
                                                                     : complain(where, "left over");
  }

  void print_codes() const {
    for (const auto& [code, count] : codes_) std::printf("exit %d: %zu times\n", code, count);
  }

 private:
  static bool complain(const std::string& where, const std::string& what) {
    std::printf("FAILED  %s: %s\n", where.c_str(), what.c_str());
    return false;
  }
  std::vector<std::string> arguments() const {
    return {bundles_[1].string(), "--prefix", shop_.prefix().string(), "--quiet", "--jobs", "2"};
  }
  void reset() {
    fs::remove_all(shop_.prefix());
    shop_.install_file(bundles_[0]);
  }

  InstallerRun shop_;
  std::vector<fs::path> bundles_;
  std::vector<std::string> names_;
  std::vector<std::map<std::string, std::string>> trees_;
  std::map<int, size_t> codes_;
};

}  // namespace
}  // namespace eb

int main(int argc, char** argv) {
  eb::MemoryRun run;
  const long total = run.count();
  long step = std::max<long>(1, total / static_cast<long>(eb::test::extent(150, 1'000'000)));
  if (argc == 3 && std::string_view(argv[1]) == "--step") step = std::stol(argv[2]);
  if (argc == 3 && std::string_view(argv[1]) == "--at")
    return run.fail_at(std::stol(argv[2]), false) ? 0 : 1;
  size_t passed = 0;
  size_t failed = 0;
  for (const bool for_ever : {false, true}) {
    for (long at = 1; at <= total && failed < 20; at += step) {
      ++(run.fail_at(at, for_ever) ? passed : failed);
    }
  }
  run.print_codes();
  std::printf("%ld allocations, every %ld: %zu passed, %zu failed\n", total, step, passed, failed);
  return failed == 0 && passed > 100 ? 0 : 1;
}
