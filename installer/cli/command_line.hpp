#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "installer/cli/environment.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/install/install_plan.hpp"

namespace eb {

/// The options of one command, as CLI11 parses them, with messages of ours.
class CommandLine {
 public:
  /// `command` is "" for installing.
  explicit CommandLine(std::string command);

  CLI::App& app() { return app_; }

  /// Throws Error(kUsage) with a guess at what was meant. With --help or --version it prints that
  /// and returns false: the command is then done.
  bool parse(const std::vector<std::string>& arguments, Environment& environment);

  /// Names of all options, "--prefix" and so on.
  std::vector<std::string> option_names() const;

 private:
  [[noreturn]] void refuse_extras() const;

  std::string command_;
  CLI::App app_;
  bool help_ = false;
  bool version_ = false;
};

/// Options that several commands have.
struct OutputOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  void add_to(CLI::App& app);
};
/// How a command that these options were given to shows what it does.
ProgressPrinter::Style progress_style(const OutputOptions& output, const Environment& environment);

struct TrustArguments {
  std::string allowed_signers;
  std::vector<std::string> fingerprints;
  unsigned required_signatures = 1;
  std::vector<std::string> revoked_keys;
  std::string fips = "auto";   ///< auto | on | off
  bool allow_expired = false;  ///< of signing keys, and of the bundle itself
  int64_t not_before = 0;      ///< a time that has passed for certain: what the prefix remembers
  void add_to(CLI::App& app);
  bool is_explicit() const { return !allowed_signers.empty() || !fingerprints.empty(); }
};

/// --jobs, --max-bytes and --wait, for every command that installs. `install` must outlive `app`.
void add_work_options(CLI::App& app, InstallOptions& install);

/// A number of bytes such as 500M or 20G (powers of 1000). Throws Error(kUsage).
uint64_t parse_size(const std::string& option, const std::string& text);
/// A number between `low` and `high`. Throws Error(kUsage).
unsigned parse_count(const std::string& option, const std::string& text, unsigned low,
                     unsigned high);

/// The candidate that `text` was probably meant to be; empty when none is near.
std::string nearest(const std::string& text, const std::vector<std::string>& candidates);

}  // namespace eb
