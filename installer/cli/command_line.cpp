#include "installer/cli/command_line.hpp"

#include <algorithm>
#include <numeric>

#include "installer/base/error.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/help_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

// What people try that other programs have.
constexpr struct {
  const char* option;
  const char* hint;
} kIntents[] = {
    {"--no-verify", "there is no option that skips verification; name the key with --trust"},
    {"--skip-verify", "there is no option that skips verification; name the key with --trust"},
    {"--insecure", "there is no option that skips verification; name the key with --trust"},
    {"--no-check", "there is no option that skips verification; name the key with --trust"},
    {"--force", "nothing needs to be forced: running an install again is safe"},
    {"-f", "nothing needs to be forced: running an install again is safe"},
    {"--yes", "envinstall never asks anything"},
    {"-y", "envinstall never asks anything"},
    {"--target", "the folder to install into is given with --prefix DIR"},
    {"--dest", "the folder to install into is given with --prefix DIR"},
    {"--destination", "the folder to install into is given with --prefix DIR"},
    {"--directory", "the folder to install into is given with --prefix DIR"},
    {"--output", "the folder to install into is given with --prefix DIR"},
    {"-p", "the folder to install into is given with --prefix DIR"},
    {"-d", "the folder to install into is given with --prefix DIR"},
    {"-C", "the folder to install into is given with --prefix DIR"},
    {"-o", "the folder to install into is given with --prefix DIR"},
    {"--key", "a publisher's key is given with --allowed-signers FILE or --trust SHA256:..."},
    {"--pubkey", "a publisher's key is given with --allowed-signers FILE or --trust SHA256:..."},
    {"--revoke", "a list of revoked keys is given with --revoked-keys FILE"},
    {"--crl", "a list of revoked keys is given with --revoked-keys FILE"},
    {"--threads", "the number of workers is given with --jobs N"},
    {"-n", "the plan alone is shown by --dry-run"},
    {"--silent", "less output is asked for with --quiet"},
    {"--deep", "every byte is read with --full"},
};

Error usage(std::string what) { return {ExitCode::kUsage, std::move(what)}; }

std::string help_hint(const std::string& command) {
  return std::string("'") + kProgramName + (command.empty() ? "" : " " + command) +
         " --help' shows what there is";
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(const std::string& text, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(text.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

CommandLine::CommandLine(std::string command) : command_(std::move(command)), app_("", "") {
  app_.set_help_flag();
  app_.allow_extras();
  app_.add_flag("-h,--help", help_);
  app_.add_flag("--version", version_);
}

std::vector<std::string> CommandLine::option_names() const {
  std::vector<std::string> out;
  for (const CLI::Option* option : app_.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
  return out;
}

bool CommandLine::parse(const std::vector<std::string>& arguments, Environment& environment) {
  // Asking for help is answered whatever else stands there.
  if (std::ranges::find(arguments, "--help") != arguments.end() ||
      std::ranges::find(arguments, "-h") != arguments.end()) {
    environment.out << help_text(command_, environment.anchors);
    return false;
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app_.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& error) {
    // CLI11 begins its message with the option's name.
    const std::string text = error.what();
    throw usage(text.substr(0, text.find(':')) + " needs a value").hint(help_hint(command_));
  } catch (const CLI::ParseError& error) {
    throw usage("the command line is not understood").why(error.what()).hint(help_hint(command_));
  }
  if (version_) {
    environment.out << kProgramName << " " << EB_VERSION << "\n";
    return false;
  }
  if (!app_.remaining().empty()) refuse_extras();
  return true;
}

void CommandLine::refuse_extras() const {
  const std::vector<std::string> extras = app_.remaining();
  const auto option = std::ranges::find_if(
      extras, [](const std::string& text) { return text.size() > 1 && text[0] == '-'; });
  if (option == extras.end()) {
    Error error = usage("there is an argument too many: " + extras.front());
    if (command_.empty()) {
      error.hint("to install into that folder: --prefix " + extras.front());
      std::vector<std::string> names;
      for (const Command& command : kCommands) names.emplace_back(command.name);
      const CLI::Option* bundle = app_.get_option_no_throw("BUNDLE");
      const std::string first =
          bundle != nullptr && bundle->count() > 0 ? bundle->results().front() : std::string();
      if (const std::string name = nearest(first, names); !name.empty()) {
        throw usage("there is no command " + first)
            .hint(std::string("did you mean '") + kProgramName + " " + name + "'?");
      }
    }
    throw std::move(error).hint(help_hint(command_));
  }
  const std::string name = option->substr(0, option->find('='));
  Error error = usage("there is no option " + name);
  for (const auto& [intent, hint] : kIntents) {
    if (name == intent) throw std::move(error).hint(hint);
  }
  if (const std::string near = nearest(name, option_names()); !near.empty()) {
    throw std::move(error).hint("did you mean " + near + "?");
  }
  throw std::move(error).hint(help_hint(command_));
}

ProgressPrinter::Style progress_style(const OutputOptions& output, const Environment& environment) {
  return {.terminal = environment.err_is_terminal,
          .quiet = output.quiet,
          .verbose = output.verbose,
          .columns = environment.columns};
}

void OutputOptions::add_to(CLI::App& app) {
  app.add_flag("--json", json);
  app.add_flag("-q,--quiet", quiet);
  app.add_flag("-v,--verbose", verbose);
}

void TrustArguments::add_to(CLI::App& app) {
  app.add_option("--allowed-signers", allowed_signers);
  app.add_option("--trust", fingerprints)->allow_extra_args(false);
  app.add_option_function<std::string>("--require-signatures", [this](const std::string& text) {
    required_signatures = parse_count("--require-signatures", text, 1, 16);
  });
  app.add_option("--revoked-keys", revoked_keys)->allow_extra_args(false);
  app.add_option_function<std::string>("--fips", [this](const std::string& text) {
    if (text != "auto" && text != "on" && text != "off") {
      throw usage("--fips knows no '" + printable(text) + "'").hint("it is one of auto, on, off");
    }
    fips = text;
  });
  app.add_flag("--allow-expired", allow_expired);
}

void add_work_options(CLI::App& app, InstallOptions& install) {
  app.add_option_function<std::string>("-j,--jobs", [&install](const std::string& text) {
    install.jobs = parse_count("--jobs", text, 1, kMaxJobs);
  });
  app.add_option_function<std::string>("--max-bytes", [&install](const std::string& text) {
    install.max_bytes = parse_size("--max-bytes", text);
  });
  app.add_flag_callback("--no-reuse", [&install] { install.reuse = false; });
  app.add_option_function<std::string>("--wait", [&install](const std::string& text) {
    install.wait_seconds = parse_count("--wait", text, 0, 86400);
  });
  app.add_flag("--insecure-prefix", install.insecure_prefix);
}

uint64_t parse_size(const std::string& option, const std::string& text) {
  static constexpr std::string_view kUnits = "kMGT";
  std::string digits = text;
  uint64_t factor = 1;
  if (digits.ends_with('B')) digits.pop_back();
  if (!digits.empty()) {
    const char unit = digits.back() == 'K' ? 'k' : digits.back();
    if (const size_t at = kUnits.find(unit); at != std::string_view::npos) {
      for (size_t i = 0; i <= at; ++i) factor *= 1000;
      digits.pop_back();
    }
  }
  const auto value = parse_number(digits);
  uint64_t bytes = 0;
  if (!value || __builtin_mul_overflow(*value, factor, &bytes)) {
    throw usage(option + " wants a number of bytes")
        .why("got '" + text + "'")
        .hint("for example " + option + " 20G");
  }
  return bytes;
}

unsigned parse_count(const std::string& option, const std::string& text, unsigned low,
                     unsigned high) {
  const auto value = parse_number(text);
  if (!value || *value < low || *value > high) {
    throw usage(option + " wants a number from " + std::to_string(low) + " to " +
                std::to_string(high))
        .why("got '" + text + "'")
        .hint("for example " + option + " " + std::to_string(std::max(low, 2u)));
  }
  return static_cast<unsigned>(*value);
}

}  // namespace eb
