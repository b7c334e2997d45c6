#include "runtime/envrun/doctor/doctor_command.hpp"

#include <algorithm>
#include <memory>

#include "installer/base/error.hpp"
#include "runtime/envrun/doctor/read_machine.hpp"
#include "runtime/envrun/doctor/report.hpp"
#include "runtime/envrun/doctor/sections.hpp"
#include "runtime/envrun/limits/start.hpp"

namespace eb {
namespace {

struct DoctorOptions {
  std::vector<std::string> names;
  std::vector<std::string> only;
  bool json = false;
  bool quiet = false;
  bool run = false;
};

std::string all_names() {
  std::string out;
  for (const Section& section : sections()) {
    out.append(out.empty() ? "" : ", ").append(section.name);
  }
  return out;
}

std::vector<ExaminedSection> examine(const DoctorOptions& options, const Machine& machine) {
  for (const std::string& name : options.names) {
    if (std::ranges::none_of(sections(), [&](const Section& each) { return name == each.name; })) {
      throw Error(ExitCode::kUsage, "the doctor has no section " + printable(name))
          .hint("there are " + all_names());
    }
  }
  std::vector<ExaminedSection> out;
  for (const Section& section : sections()) {
    const bool is_wanted = options.names.empty() ||
                           std::ranges::find(options.names, section.name) != options.names.end();
    if (is_wanted) out.push_back({section.name, section.title, section.examine(machine)});
  }
  return out;
}

// A program of the release that starts ranks on this node and says how they reached each other.
int run_ranks(Session& session, const DoctorOptions& options) {
  std::vector<std::string> arguments = {"python",
                                        session.place.at("libexec/envbundle/all_reduce.py")};
  if (options.json) arguments.emplace_back("--json");
  const int code = start(session, session.program(std::move(arguments)), StartMode::kStay);
  return code == 0 ? 0 : static_cast<int>(ExitCode::kSmokeTest);
}

int doctor(const DoctorOptions& options, Session& session) {
  const Machine machine = read_machine(session);
  const std::vector<ExaminedSection> examined = examine(options, machine);
  std::ostream& out = session.world.out;
  options.json ? print_records(out, machine, examined, options.quiet)
               : print_report(out, machine, examined, options.quiet);
  if (options.run) {
    if (const int code = run_ranks(session, options); code != 0) return code;
  }
  const bool has_problem = count_health(examined)[static_cast<size_t>(Health::kProblem)] > 0;
  return has_problem ? static_cast<int>(ExitCode::kUnsupportedFs) : 0;
}

}  // namespace

Action add_doctor(CLI::App& app) {
  const auto options = std::make_shared<DoctorOptions>();
  app.add_option("SECTION", options->names, "look at these alone: " + all_names())
      ->type_name("")
      ->delimiter(',');
  app.add_option("--only", options->only, "the same: names with commas between them")
      ->type_name("SECTION")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "one JSON record a line");
  app.add_flag("-q,--quiet", options->quiet, "show warnings and problems alone");
  app.add_flag("--run", options->run,
               "also let two processes here reduce a tensor: over gloo, and over NCCL where there "
               "are two GPUs");
  app.footer(
      "exit codes: 0 no problem was found, whatever the warnings; 23 there is a problem;\n"
      "  31 --run failed\n"
      "Nothing is changed, nothing is loaded from the driver; without --run it takes less than a "
      "second.");
  return [options](Session& session) {
    options->names.insert(options->names.end(), options->only.begin(), options->only.end());
    options->only.clear();
    return doctor(*options, session);
  };
}

}  // namespace eb
