#include "runtime/envrun/limits/memory_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/memory_group.hpp"
#include "runtime/envrun/limits/memory_size.hpp"
#include "runtime/envrun/limits/process_tree.hpp"
#include "runtime/envrun/limits/watchdog.hpp"

namespace eb {
namespace {

using std::chrono::milliseconds;

constexpr int kKilled = 128 + SIGKILL;
constexpr unsigned kGraceForLeftMs = 2000;
constexpr unsigned kGraceForOverMs = 5000;
constexpr milliseconds kGroupPause{200};

std::string command_text(const Program& program) {
  std::string out;
  for (const std::string& argument : program.arguments) {
    if (!out.empty()) out += ' ';
    out += argument;
  }
  return out.size() > 200 ? out.substr(0, 200) + "…" : out;
}

void tell_of_left(World& world, size_t count) {
  if (count == 0) return;
  tell(world, "ended " + std::to_string(count) + (count == 1 ? " process" : " processes") +
                  " that the program left behind");
}

void report_over(World& world, const Program& program, const MemoryPlan& plan,
                 const std::string& ended_by, std::optional<uint64_t> peak) {
  Error error(static_cast<ExitCode>(kKilled), "the program used more memory than --memory " +
                                                  memory_size_text(plan.bytes) + " allows");
  error.where(command_text(program));
  error.why("ended by " + ended_by);
  if (peak && *peak > plan.bytes) error.why(error.why() + ", at " + memory_size_text(*peak));
  error.hint("give it more, or let it use less: smaller batches, fewer or no DataLoader workers");
  world.err << render_error(kProgramName, error) << std::flush;
}

void report_outside(World& world, const Program& program) {
  Error error(static_cast<ExitCode>(kKilled), "memory ran out around the program, not by --memory");
  error.where(command_text(program));
  error.why("the kernel ended a process of it: the job or the machine has no more memory");
  world.err << render_error(kProgramName, error) << std::flush;
}

// What the kernel counted, told: the exit code for a program that ended with `code`.
int judge(World& world, const Program& program, const MemoryPlan& plan, int code,
          const OutOfMemory& counted, const std::string& ended_by) {
  if (counted.kills == 0) return code;
  if (!counted.by_limit) {
    report_outside(world, program);
    return code == 0 ? kKilled : code;
  }
  report_over(world, program, plan, ended_by, counted.peak);
  return kKilled;
}

// Whoever kills envrun means the program.
void die_with_envrun(Program& program) {
  program.before = [before = std::move(program.before)] {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return before ? before() : 0;
  };
}

int run_in_group(World& world, Program program, const MemoryPlan& plan) {
  const HostFiles files(world.sys, world.root);
  const MemoryGroup group(files, plan.site, plan.bytes);
  const Program told = program;
  program.before = [&group, before = std::move(program.before)] {
    if (const int error = group.enter(); error != 0) return error;
    return before ? before() : 0;
  };
  program.watch = [&](pid_t) {
    // Where the kernel ends one process of many, the rest would go on without it.
    if (group.out_of_memory().kills > 0) end_group(files, group.path(), 0);
    return WatchPause{kGroupPause, group.events_fd()};
  };
  const int code = world.run(program);
  const OutOfMemory counted = group.out_of_memory();
  tell_of_left(world, end_group(files, group.path(), kGraceForLeftMs));
  return judge(world, told, plan, code, counted, "the kernel: limit of a control group");
}

// The step's own group, or what envrun was started in.
int run_in_own_limit(World& world, Program program, const MemoryPlan& plan) {
  const HostFiles files(world.sys, world.root);
  const MemoryGroupPlace own = own_memory_group(files);
  const uint64_t before = read_out_of_memory(files, own.path, own.version).kills;
  program.watch = [](pid_t) { return WatchPause{milliseconds(60000)}; };
  const int code = world.run(program);
  OutOfMemory counted = read_out_of_memory(files, own.path, own.version);
  counted.kills -= std::min(before, counted.kills);
  // The limit may stand at a group around this one, which counts for other steps too.
  counted.by_limit = !counted.peak || *counted.peak >= plan.bytes / 4 * 3;
  return judge(world, program, plan, code, counted, "the kernel: limit of the job");
}

int run_watched(World& world, Program program, const MemoryPlan& plan) {
  const HostFiles files(world.sys, world.root);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  Watchdog dog(files, plan.bytes);
  bool ended = false;
  program.watch = [&](pid_t child) {
    const Watchdog::Look look = dog.look(getpid());
    if (!look.is_over || ended) return WatchPause{look.next};
    ended = true;
    end_descendants(files, getpid(), look.is_far_over ? 0 : kGraceForOverMs, child);
    return WatchPause{milliseconds(20)};
  };
  const int code = world.run(program);
  const size_t left = end_descendants(files, getpid(), kGraceForLeftMs);
  if (!ended) {
    tell_of_left(world, left);
    return code;
  }
  report_over(world, program, plan, "envrun's watchdog", dog.peak());
  return kKilled;
}

// The group of a scope, found through the program that systemd-run moved there and became. systemd
// removes it as soon as it is empty, so that its counters may be gone before they are read; those
// of the manager's own group stay, and count for all of its scopes.
class Scope {
 public:
  Scope(const HostFiles& files, std::string unit, std::string around)
      : files_(&files),
        unit_(std::move(unit)),
        around_(std::move(around)),
        before_(read_around()) {}

  WatchPause look(pid_t child) {
    if (group_.empty() && !find(child)) return {milliseconds(5)};
    // Where the kernel ended one process of many, the rest would go on without it.
    if (read(group_).kills > 0) end_group(*files_, group_, 0);
    return {kGroupPause, events_.get()};
  }
  OutOfMemory counted(int code) const {
    if (!group_.empty()) {
      const OutOfMemory own = read(group_);
      if (own.kills > 0 || files_->exists(group_)) return own;
    }
    if (code != kKilled) return {};
    OutOfMemory all = read_around();
    all.kills -= std::min(all.kills, before_.kills);
    all.peak.reset();
    return all;
  }
  const std::string& group() const { return group_; }

 private:
  OutOfMemory read(const std::string& group) const { return read_out_of_memory(*files_, group, 2); }

  OutOfMemory read_around() const { return read_out_of_memory(*files_, around_, 2, true); }

  bool find(pid_t child) {
    const std::string file = "/proc/" + std::to_string(child) + "/cgroup";
    for (const std::string& line : text_lines(files_->read(file).value_or(""))) {
      if (!line.starts_with("0::/") || !line.ends_with("/" + unit_)) continue;
      group_ = own_memory_group(*files_).mount_point + line.substr(3);
      try {
        events_ = open_at(files_->sys(), AT_FDCWD, (group_ + "/memory.events").c_str(), O_RDONLY, 0,
                          group_);
        // All of a program of several processes at once; systemd 252 does not ask for that.
        const Fd all = open_at(files_->sys(), AT_FDCWD, (group_ + "/memory.oom.group").c_str(),
                               O_WRONLY, 0, group_);
        files_->sys().write(all.get(), "1", 1);
      } catch (const Error&) {  // it has ended already, or the kernel is older than 4.19
      }
      return true;
    }
    return false;
  }

  const HostFiles* files_;
  std::string unit_;
  std::string around_;
  OutOfMemory before_;
  std::string group_;
  Fd events_;
};

int run_in_scope(World& world, Program program, const MemoryPlan& plan) {
  static unsigned number = 0;
  const HostFiles files(world.sys, world.root);
  const std::string unit =
      "envrun-" + std::to_string(getpid()) + "-" + std::to_string(++number) + ".scope";
  const Program told = program;
  std::vector<std::string> arguments = {"systemd-run",
                                        "--user",
                                        "--scope",
                                        "--quiet",
                                        "--collect",
                                        "--unit=" + unit,
                                        "--property=MemoryMax=" + std::to_string(plan.bytes),
                                        "--property=MemorySwapMax=0",
                                        "--",
                                        program.path};
  arguments.insert(arguments.end(), program.arguments.begin() + 1, program.arguments.end());
  program.arguments = std::move(arguments);
  program.path = plan.manager.systemd_run;
  program.variables.set("XDG_RUNTIME_DIR", plan.manager.runtime_directory);
  Scope scope(files, unit, plan.manager.group);
  program.watch = [&scope](pid_t child) { return scope.look(child); };
  const int code = world.run(program);
  const OutOfMemory counted = scope.counted(code);
  if (!scope.group().empty()) tell_of_left(world, end_group(files, scope.group(), kGraceForLeftMs));
  return judge(world, told, plan, code, counted, "the kernel: limit of " + unit);
}

}  // namespace

int run_with_memory(World& world, Program program, const MemoryPlan& plan) {
  die_with_envrun(program);
  switch (plan.means) {
    case MemoryMeans::kOwnLimit:
      return run_in_own_limit(world, std::move(program), plan);
    case MemoryMeans::kScope:
      return run_in_scope(world, std::move(program), plan);
    case MemoryMeans::kGroup:
      return run_in_group(world, std::move(program), plan);
    case MemoryMeans::kWatchdog:
      break;
  }
  return run_watched(world, std::move(program), plan);
}

}  // namespace eb
