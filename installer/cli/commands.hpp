#pragma once

#include <string>
#include <vector>

#include "installer/cli/environment.hpp"

namespace eb {

// Each command takes the arguments after its name and returns the exit code; it throws Error for
// what went wrong.

int install_command(const std::vector<std::string>& arguments, Environment& environment);
int check_command(const std::vector<std::string>& arguments, Environment& environment);
int gc_command(const std::vector<std::string>& arguments, Environment& environment);
int history_command(const std::vector<std::string>& arguments, Environment& environment);
int list_command(const std::vector<std::string>& arguments, Environment& environment);
int info_command(const std::vector<std::string>& arguments, Environment& environment);
int prewarm_command(const std::vector<std::string>& arguments, Environment& environment);
int repair_command(const std::vector<std::string>& arguments, Environment& environment);
int rollback_command(const std::vector<std::string>& arguments, Environment& environment);
int verify_command(const std::vector<std::string>& arguments, Environment& environment);
int stage_command(const std::vector<std::string>& arguments, Environment& environment);
int trust_command(const std::vector<std::string>& arguments, Environment& environment);
int uninstall_command(const std::vector<std::string>& arguments, Environment& environment);

struct Command {
  const char* name;
  int (*run)(const std::vector<std::string>&, Environment&);
};
inline constexpr Command kCommands[] = {
    {"check", check_command},     {"gc", gc_command},           {"history", history_command},
    {"info", info_command},       {"install", install_command}, {"list", list_command},
    {"prewarm", prewarm_command}, {"repair", repair_command},   {"rollback", rollback_command},
    {"stage", stage_command},     {"trust", trust_command},     {"uninstall", uninstall_command},
    {"verify", verify_command}};

}  // namespace eb
