#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "bundler/cli/environment.hpp"
#include "installer/base/error.hpp"
#include "installer/cli/progress_printer.hpp"

namespace eb {

/// Options that every command has.
struct CommonOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  unsigned jobs = 0;  ///< 0 = as many as may run at once

  unsigned threads() const;
};

/// What the command line chose: a command with its options, ready to run.
struct ChosenCommand {
  std::function<ExitCode(BundlerEnvironment&)> run;
  bool json = false;
};

void add_common_options(CLI::App& app, CommonOptions& options);
/// -j, for the commands that work in parallel.
void add_jobs_option(CLI::App& app, CommonOptions& options);
/// What a reporter needs to know of options and environment.
ProgressPrinter::Style progress_style(const CommonOptions& options,
                                      const BundlerEnvironment& environment);

// One file a command, each adds itself.
void add_lock_command(CLI::App& app, ChosenCommand& chosen);
void add_fetch_command(CLI::App& app, ChosenCommand& chosen);
void add_build_command(CLI::App& app, ChosenCommand& chosen);
void add_inspect_command(CLI::App& app, ChosenCommand& chosen);
void add_verify_command(CLI::App& app, ChosenCommand& chosen);
void add_keygen_command(CLI::App& app, ChosenCommand& chosen);
void add_sign_command(CLI::App& app, ChosenCommand& chosen);

}  // namespace eb
