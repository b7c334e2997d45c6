#include "bundler/cli/command_line.hpp"

#include <algorithm>

#include "bundler/cli/commands.hpp"
#include "bundler/cli/interruption.hpp"
#include "bundler/cli/json_line.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr char kProgram[] = "envbundle";
constexpr char kFooter[] =
    "\nExample:\n"
    "  envbundle keygen signing_key\n"
    "  envbundle lock manifests/python-small.toml\n"
    "  envbundle build manifests/python-small.lock -o small.bundle.zst --key signing_key\n"
    "\n`envbundle COMMAND --help` explains a command.";

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      // Neighbours that changed places are one slip, not two.
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && a[i - 1] != b[j - 1]) {
        row[j] = std::min(row[j], diagonal);
      }
      diagonal = above;
    }
  }
  return row.back();
}

/// The name nearest to what was typed, if it is near at all.
std::string guess(const std::string& typed, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t distance = edit_distance(typed, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(command->get_name());
  }
  return out;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
  return out;
}

std::string first_word(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (!argument.starts_with("-")) return argument;
  }
  return "";
}

/// CLI11's complaint in the manner of all other errors, with a guess at what was meant.
Error usage_error(const CLI::App& app, const CLI::ParseError& error,
                  const std::vector<std::string>& arguments) {
  const auto parsed = app.get_subcommands();
  if (parsed.empty()) {
    const std::string word = first_word(arguments);
    if (word.empty()) {
      std::string names;
      for (const std::string& name : command_names(app))
        names += (names.empty() ? "" : ", ") + name;
      return Error(ExitCode::kUsage, "no command given").hint("there are: " + names);
    }
    Error out(ExitCode::kUsage, "no command '" + word + "'");
    const std::string meant = guess(word, command_names(app));
    if (!meant.empty()) out.hint("did you mean `envbundle " + meant + "`?");
    return std::move(out).hint("`envbundle --help` lists the commands");
  }
  const CLI::App& command = *parsed.front();
  const std::string help = "`envbundle " + command.get_name() + " --help` explains the command";
  if (const std::vector<std::string> extras = app.remaining(true); !extras.empty()) {
    const std::string& extra = extras.front();
    if (!extra.starts_with("-")) {
      return Error(ExitCode::kUsage, "one argument too many: '" + extra + "'").hint(help);
    }
    const std::string name = extra.substr(0, extra.find('='));
    Error out(ExitCode::kUsage, "unknown option '" + name + "'");
    const std::string meant = guess(name, option_names(command));
    if (!meant.empty()) out.hint("did you mean " + meant + "?");
    return std::move(out).hint(help);
  }
  std::string what = error.what();
  if (!what.empty() && what.back() == '.') what.pop_back();
  return Error(ExitCode::kUsage, "the command line of `envbundle " + command.get_name() +
                                     "` is not complete or not right")
      .why(what)
      .hint(help);
}

void show_error(const Error& error, bool json, BundlerEnvironment& environment) {
  if (interrupted()) wait_for_the_end();
  environment.err << render_error(kProgram, error) << std::flush;
  if (json) {
    const nlohmann::ordered_json record = {
        {"record", "error"},    {"code", static_cast<int>(error.code())},
        {"what", error.what()}, {"where", error.where()},
        {"why", error.why()},   {"hints", error.hints()}};
    environment.out << json_line(record) << std::flush;
  }
}

}  // namespace

unsigned CommonOptions::threads() const { return jobs == 0 ? available_cpus() : jobs; }

void add_common_options(CLI::App& app, CommonOptions& options) {
  app.add_flag("--json", options.json, "Print results as JSON, one record a line");
  app.add_flag("-q,--quiet", options.quiet, "Print errors, warnings and results only");
  app.add_flag("-v,--verbose", options.verbose, "Say more about what is being done");
}

void add_jobs_option(CLI::App& app, CommonOptions& options) {
  app.add_option("-j,--jobs", options.jobs, "Threads (default: as many as may run at once)")
      ->type_name("N")
      ->check(CLI::Range(1U, 1024U));
}

ProgressPrinter::Style progress_style(const CommonOptions& options,
                                      const BundlerEnvironment& environment) {
  ProgressPrinter::Style style;
  style.program = kProgram;
  style.terminal = environment.err_is_terminal && environment.variable_or("TERM", "") != "dumb";
  style.columns = environment.err_columns;
  style.quiet = options.quiet;
  style.verbose = options.verbose;
  return style;
}

int run_envbundle(const std::vector<std::string>& arguments, BundlerEnvironment& environment) {
  CLI::App app("Makes signed bundles of whole environments for machines without internet.",
               kProgram);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", std::string(kProgram) + " " EB_VERSION, "Print the version");
  app.footer(kFooter);
  app.require_subcommand(1);
  ChosenCommand chosen;
  add_lock_command(app, chosen);
  add_fetch_command(app, chosen);
  add_build_command(app, chosen);
  add_inspect_command(app, chosen);
  add_verify_command(app, chosen);
  add_keygen_command(app, chosen);
  add_sign_command(app, chosen);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->set_help_flag("-h,--help", "Print this help");
  }
  try {
    // CLI11 takes them in reverse order.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return static_cast<int>(chosen.run(environment));
  } catch (const CLI::CallForHelp&) {
    environment.out << app.help("", CLI::AppFormatMode::Normal) << std::flush;
    return 0;
  } catch (const CLI::CallForVersion& version) {
    environment.out << version.what() << "\n" << std::flush;
    return 0;
  } catch (const CLI::ParseError& error) {
    const Error usage = usage_error(app, error, arguments);
    show_error(usage, false, environment);
    return static_cast<int>(usage.code());
  } catch (const Error& error) {
    show_error(error, chosen.json, environment);
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    const Error error = Error(ExitCode::kInternal, "not enough memory");
    show_error(error, chosen.json, environment);
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    const Error internal =
        Error(ExitCode::kInternal, "an unexpected error")
            .why(error.what())
            .hint("this is a fault of envbundle: please report it with the command line");
    show_error(internal, chosen.json, environment);
    return static_cast<int>(internal.code());
  }
}

}  // namespace eb
