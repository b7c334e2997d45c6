#pragma once

#include <map>
#include <string>
#include <vector>

#include "bundler/lock/pylock.hpp"
#include "bundler/lock/sources.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// What a resolver is asked.
struct WheelWish {
  std::vector<std::string> requirements;
  std::string platform, python, glibc;           ///< the target; python "3.11.2"
  std::map<std::string, std::string> preferred;  ///< versions to keep where they still fit
  Sources sources;
  std::string uv = "uv";
  std::string python_program = "python3";
};

/// Runs `uv pip compile`, or pip where there is no uv and the machine's Python is the target's
/// (pip evaluates markers for the Python that runs it). Wheels only, for the target, with hashes;
/// an index that has a project hides the later ones (FAULTS F065). Throws Error(kUnresolvable) with
/// the resolver's words, kNetwork, kInternal when neither can be used.
Pylock resolve_wheels(const WheelWish& wish, EventSink& events);

/// The arguments of uv after its name; a pure function of the wish, for tests.
std::vector<std::string> uv_arguments(const WheelWish& wish, const std::string& input,
                                      const std::string& output);
/// pip's installation report (`pip install --report`) as if it were a pylock.toml.
Pylock parse_pip_report(const std::string& text);

}  // namespace eb
