#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace eb {

/// A command line as completions and the manual page show it, taken from CLI11's tree, so that none
/// of them can know another option than the parser.
struct DescribedOption {
  std::vector<std::string> names;    ///< "-h", "--help"; empty for a positional
  std::string value;                 ///< what the value is called; empty for a flag
  std::string text;                  ///< one line
  std::string preset;                ///< the default, where there is one to show
  std::vector<std::string> choices;  ///< the values that there are; empty when they are not known
  bool is_file() const { return value == "FILE" || value == "DIR" || value == "PATH"; }
};

struct DescribedCommand {
  std::string name;
  std::string summary;
  std::string footer;
  bool passes_rest_on = false;  ///< its words are not envrun's
  bool starts_program = false;  ///< and the first of them is a program
  std::vector<DescribedOption> options;
  std::vector<DescribedOption> positionals;
  std::vector<DescribedCommand> commands;
};

/// envrun's own (subcommand.hpp).
DescribedCommand described_envrun();

/// "bash", "zsh" or "fish"; throws Error(kUsage) for another.
std::string completion_script(const DescribedCommand& program, const std::string& shell);

/// roff for man(7), section 1.
std::string manual_page(const DescribedCommand& program);

}  // namespace eb
