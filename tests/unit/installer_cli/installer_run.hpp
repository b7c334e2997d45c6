#pragma once

#include <fcntl.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "../install/workshop.hpp"
#include "installer/cli/environment.hpp"

namespace eb::test {

/// What a command line of envinstall did.
struct CommandResult {
  int code = -1;
  std::string out;
  std::string err;

  /// The records of stdout; the test fails when a line is no JSON.
  std::vector<nlohmann::json> records() const {
    std::vector<nlohmann::json> parsed;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      parsed.push_back(nlohmann::json::parse(line));
    }
    return parsed;
  }
};

/// envinstall in process, in a workshop.
class InstallerRun : public Workshop {
 public:
  Sys* sys = &real_sys();
  int input = -1;
  bool terminal = false;
  std::map<std::string, std::string> variables;
  std::string anchors;
  std::string root;  ///< of the machine's /proc, /sys, /dev

  InstallerRun() {
    variables["HOME"] = (scratch.path() / "home").string();
    anchors = "maker " + signer.key().authorized_line() + "\n";
  }

  CommandResult run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    StopFlag fresh;
    Environment environment{*sys, out, err, fresh};
    environment.input = input;
    environment.variable = [this](const char* name) {
      const auto at = variables.find(name);
      return at == variables.end() ? std::string() : at->second;
    };
    for (const auto& [name, value] : variables) {
      environment.variables.push_back(std::string(name).append("=").append(value));
    }
    environment.root = root;
    environment.err_is_terminal = terminal;
    environment.anchors = anchors;
    CommandResult result;
    result.code = run_installer(arguments, environment);
    result.out = out.str();
    result.err = err.str();
    return result;
  }
  CommandResult install_bundle(const fs::path& bundle, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {bundle.string(), "--prefix", prefix().string()});
    return run(more);
  }
};

}  // namespace eb::test
