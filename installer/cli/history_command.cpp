#include <fcntl.h>

#include <algorithm>
#include <map>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/history.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

// Names of this machine's own accounts. Those of a directory service stay numbers: a static program
// loads no module to ask it.
std::map<uint64_t, std::string> account_names(Sys& sys, const std::string& root) {
  std::map<uint64_t, std::string> out;
  for (const std::string& line :
       lines_of(read_small_file(sys, AT_FDCWD, root + "/etc/passwd", 4u << 20).value_or(""))) {
    const size_t name = line.find(':');
    const size_t password = name == std::string::npos ? name : line.find(':', name + 1);
    if (password == std::string::npos) continue;
    const size_t end = line.find(':', password + 1);
    const auto uid = parse_number(line.substr(password + 1, end - password - 1));
    if (uid) out.emplace(*uid, line.substr(0, name));
  }
  return out;
}

std::string who(const HistoryEvent& event, const std::map<uint64_t, std::string>& names) {
  if (!event.uid) return "unknown";
  const auto name = names.find(*event.uid);
  return name == names.end() ? "uid " + std::to_string(*event.uid) : name->second;
}

void print_text(const std::vector<HistoryEvent>& events,
                const std::map<uint64_t, std::string>& names, std::ostream& out) {
  size_t width = 7;
  for (const HistoryEvent& event : events) width = std::max(width, event.release.size());
  const auto padded = [](std::string text, size_t size) {
    text.resize(std::max(size, text.size()), ' ');
    return text;
  };
  out << padded("TIME", 22) << padded("WHAT", 13) << padded("RELEASE", width + 2) << "BY\n";
  for (const HistoryEvent& event : events) {
    std::string by = who(event, names);
    for (const std::string& exception : event.exceptions) by += " " + exception;
    if (!event.previous.empty()) by += ", from " + event.previous;
    out << padded(utc_text(event.time), 22) << padded(event.what, 13)
        << padded(printable(event.release), width + 2) << printable(by) << "\n";
  }
}

}  // namespace

int history_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  OutputOptions output;
  CommandLine line("history");
  line.app().add_option("PREFIX", path);
  output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named").hint("envinstall history PREFIX");
  }
  const PrefixView view = open_prefix(environment.sys, path);
  size_t skipped = 0;
  const std::vector<HistoryEvent> events = read_history(environment.sys, view.dir.get(), &skipped);
  const std::map<uint64_t, std::string> names = account_names(environment.sys, environment.root);
  if (output.json) {
    for (const HistoryEvent& event : events) {
      print_record(environment.out, {{"record", "history"},
                                     {"prefix", view.path},
                                     {"time", utc_text(event.time)},
                                     {"what", event.what},
                                     {"release", event.release},
                                     {"id", event.id},
                                     {"previous", event.previous},
                                     {"signer", event.signer},
                                     {"uid", event.uid ? Json(*event.uid) : Json()},
                                     {"user", who(event, names)},
                                     {"exceptions", event.exceptions}});
    }
  } else if (events.empty()) {
    environment.out << "nothing is noted in " << printable(view.path) << "\n";
  } else {
    print_text(events, names, environment.out);
  }
  if (skipped > 0 && !output.quiet) {
    environment.err << kProgramName << ": warning: " << count_text(skipped, "line", "lines")
                    << " of the log cannot be understood\n";
  }
  return 0;
}

}  // namespace eb
