#pragma once

#include <CLI/CLI.hpp>
#include <span>

#include "runtime/envrun/core/action.hpp"

namespace eb {

struct Subcommand {
  const char* name;
  const char* summary;  ///< one line, lower case, no period
  /// Everything after the name is the program's, not ours: in CLI::App::remaining().
  bool passes_rest_on;
  Action (*add)(CLI::App& app);
  /// It works outside of a release too, with an empty Session::place.
  bool stands_anywhere = false;
};

/// In the order of the help text.
std::span<const Subcommand> subcommands();

/// The whole command line as CLI11 knows it, for parsing, help, completions and the manual page.
/// `limits` and `actions` must outlive it; actions[i] belongs to subcommands()[i].
struct CommandTree {
  CommandTree();
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  CLI::App app;
  LimitOptions limits;
  std::vector<Action> actions;
  bool version = false;
};

/// Runs a command line (without the program's name); returns the exit code. Never throws.
int run_envrun(const std::vector<std::string>& arguments, World& world) noexcept;

}  // namespace eb
