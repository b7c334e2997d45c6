#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eb {

/// How much a finding of the doctor matters. The order is that of gravity.
enum class Health {
  kOk,
  kNote,     ///< worth knowing; nothing is wrong
  kWarning,  ///< works, but slowly, or not in every case
  kProblem,  ///< will fail
};
/// "ok", "note", "warning", "problem": for tables and JSON; never changed.
const char* health_name(Health health);

/// One line of the doctor's table.
struct Observation {
  Health health = Health::kOk;
  std::string subject = {};            ///< what was looked at: "locked memory"
  std::string text = {};               ///< what there is, one line
  std::string cause = {};              ///< why that is bad; empty for ok and most notes
  std::vector<std::string> next = {};  ///< what to do, most useful first; never empty for a problem
};

/// What a section found, in the order of its table.
class Observations {
 public:
  Observation& ok(std::string subject, std::string text) {
    return add(Health::kOk, std::move(subject), std::move(text));
  }
  Observation& note(std::string subject, std::string text) {
    return add(Health::kNote, std::move(subject), std::move(text));
  }
  Observation& warning(std::string subject, std::string text, std::string cause,
                       std::vector<std::string> next) {
    return add(Health::kWarning, std::move(subject), std::move(text), std::move(cause),
               std::move(next));
  }
  Observation& problem(std::string subject, std::string text, std::string cause,
                       std::vector<std::string> next) {
    return add(Health::kProblem, std::move(subject), std::move(text), std::move(cause),
               std::move(next));
  }
  const std::vector<Observation>& all() const { return all_; }

 private:
  Observation& add(Health health, std::string subject, std::string text, std::string cause = {},
                   std::vector<std::string> next = {}) {
    all_.push_back(
        {health, std::move(subject), std::move(text), std::move(cause), std::move(next)});
    return all_.back();
  }
  std::vector<Observation> all_;
};

/// In powers of 1024, as limits and job sizes are given: "512 MiB", "7.8 GiB".
std::string memory_text(uint64_t bytes);
/// "1 file", "3 files".
std::string number_text(uint64_t number, const char* one, const char* many);
/// "a, b and c"; at most `most` of them, then "and N more".
std::string list_text(const std::vector<std::string>& names, size_t most = 6);

}  // namespace eb
