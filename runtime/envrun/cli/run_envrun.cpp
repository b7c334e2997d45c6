#include <algorithm>
#include <new>
#include <optional>

#include "installer/base/error.hpp"
#include "installer/lease/lease.hpp"
#include "runtime/envrun/cli/program_commands.hpp"
#include "runtime/envrun/cli/subcommand.hpp"

namespace eb {
namespace {

constexpr char kDescription[] =
    "Runs programs of this environment, with limits, and the services around it.\n"
    "No root, no container; works inside and outside of a Slurm job.";
constexpr char kFooter[] =
    "exit codes: those of the program; 2 usage, 23 the machine cannot do that, 24 permission,\n"
    "  30 no such GPU, 126 the program cannot be started, 127 there is no such program,\n"
    "  137 ended by --memory (a message says so) or by another SIGKILL\n"
    "examples:\n"
    "  envrun -- python train.py\n"
    "  envrun --gpus device=0,1 --memory 32g --shm-size 8g -- python train.py\n"
    "  envrun jupyter";

int report(const Error& error, World& world) {
  world.err << render_error(kProgramName, error) << std::flush;
  return static_cast<int>(error.code());
}

// CLI11 prints help and version by exceptions, as it does errors.
Error usage_error(const CLI::Error& error) {
  return Error(ExitCode::kUsage, "the command line is not understood")
      .why(error.what())
      .hint("'envrun --help' and 'envrun SUBCOMMAND --help' show what there is");
}

// Where leases are wanted: a program that takes this process's place keeps it.
void lease_release(const Session& session, const std::string& what,
                   std::optional<HeldLease>& lease) {
  if (session.place.release_name.empty()) return;
  World& world = session.world;
  lease.emplace(world.sys, LeaseRequest{.prefix = session.place.prefix,
                                        .release = session.place.release_name,
                                        .what = std::string(kProgramName) + " " + what,
                                        .node = world.host_name,
                                        .root = world.root});
}

int dispatch(const std::vector<std::string>& arguments, World& world) {
  // What stands behind `--` is the program's alone, unless a sub-command comes first: CLI11 hands
  // it to that.
  CommandTree tree;
  auto separator = std::ranges::find(arguments, "--");
  std::vector<std::string> ours(arguments.begin(), separator);
  const bool has_program = separator != arguments.end();
  std::vector<std::string> rest(has_program ? separator + 1 : separator, arguments.end());
  const auto names_subcommand = [&] {
    return std::ranges::any_of(subcommands(), [&](const Subcommand& each) {
      return std::ranges::find(ours, each.name) != ours.end();
    });
  };
  if (has_program && names_subcommand()) {
    ours = arguments;
    rest.clear();
  }
  std::vector<std::string> reversed(ours.rbegin(), ours.rend());
  try {
    tree.app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = tree.app.get_subcommands();
    world.out << (chosen.empty() ? tree.app.help() : chosen.front()->help("envrun"));
    return 0;
  } catch (const CLI::ParseError& error) {
    throw usage_error(error);
  }
  if (tree.version) {
    world.out << "envrun " << EB_VERSION << "\n";
    return 0;
  }
  const auto chosen = std::ranges::find_if(
      subcommands(), [&](const Subcommand& each) { return tree.app.got_subcommand(each.name); });
  const bool is_chosen = chosen != subcommands().end();
  Session session{world, {}, tree.limits};
  if (!is_chosen || !chosen->stands_anywhere) {
    session.place = find_place(world.sys, world.executable);
  }
  std::optional<HeldLease> lease;
  if (is_chosen || has_program) lease_release(session, is_chosen ? chosen->name : "--", lease);
  if (is_chosen) return tree.actions[static_cast<size_t>(chosen - subcommands().begin())](session);
  if (has_program) return run_given_program(session, rest);
  world.err << tree.app.help();
  return static_cast<int>(ExitCode::kUsage);
}

}  // namespace

CommandTree::CommandTree() : app(kDescription, "envrun") {
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "show this text");
  app.add_flag("--version", version, "show the version");
  app.add_option("--gpus", limits.gpus,
                 "GPUs to use, of those that the job has: all, none, a number, device=0,1, UUIDs, "
                 "MIG UUIDs")
      ->type_name("WHICH");
  app.add_option("--memory", limits.memory,
                 "end the program and all that it started when they use more memory: 32g")
      ->type_name("SIZE");
  app.add_option("--shm-size", limits.shm_size, "make sure of that much shared memory: 8g")
      ->type_name("SIZE");
  app.add_option("--cpus", limits.cpus,
                 "CPUs to use, of those that the job has: a number, or a list such as 0-7,16")
      ->type_name("N");
  app.require_subcommand(0, 1);
  for (const Subcommand& each : subcommands()) {
    CLI::App* sub = app.add_subcommand(each.name, each.summary);
    sub->footer("");  // not the program's own, which CLI11 hands down
    if (each.passes_rest_on) {
      // Also --help is the program's.
      sub->set_help_flag();
      sub->prefix_command();
    } else {
      // Limits may stand behind the name as well.
      sub->set_help_flag("-h,--help", "show this text");
      sub->fallthrough();
    }
    actions.push_back(each.add(*sub));
  }
}

int run_envrun(const std::vector<std::string>& arguments, World& world) noexcept {
  try {
    try {
      return dispatch(arguments, world);
    } catch (const Error& error) {
      return report(error, world);
    } catch (const std::bad_alloc&) {
      return report(Error(ExitCode::kIo, "out of memory"), world);
    } catch (const std::exception& error) {
      return report(Error(ExitCode::kInternal, "something went wrong inside").why(error.what()),
                    world);
    }
  } catch (...) {
    return static_cast<int>(ExitCode::kInternal);
  }
}

}  // namespace eb
