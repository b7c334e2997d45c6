#include "runtime/envrun/cli/described.hpp"

#include <sstream>

#include "runtime/envrun/cli/subcommand.hpp"

namespace eb {
namespace {

// "TEXT:{bash,zsh}" is how CLI11 names a value that is one of a few.
void set_value(DescribedOption& out, const std::string& type) {
  out.value = type.substr(0, type.find_first_of(": "));
  const size_t begin = type.find('{');
  const size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return;
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  for (std::string each; std::getline(list, each, ',');) out.choices.push_back(each);
}

DescribedOption described(const CLI::Option& option) {
  DescribedOption out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  out.text = option.get_description();
  if (option.get_items_expected_max() > 0) {
    set_value(out, option.get_type_name());
    out.preset = option.get_default_str();
    if (out.value.empty()) out.value = "VALUE";
  }
  return out;
}

DescribedCommand described(const CLI::App& app) {
  DescribedCommand out;
  out.name = app.get_name();
  out.summary = app.get_description();
  out.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    // The empty group hides an option from the help.
    if (option->get_group().empty()) continue;
    DescribedOption each = described(*option);
    if (each.names.empty()) each.value = option->get_name(true);
    (each.names.empty() ? out.positionals : out.options).push_back(std::move(each));
  }
  return out;
}

}  // namespace

DescribedCommand described_envrun() {
  const CommandTree tree;
  DescribedCommand program = described(tree.app);
  for (const Subcommand& each : subcommands()) {
    DescribedCommand command = described(*tree.app.get_subcommand(each.name));
    command.passes_rest_on = each.passes_rest_on;
    command.starts_program = command.name == "run";
    program.commands.push_back(std::move(command));
  }
  return program;
}

}  // namespace eb
