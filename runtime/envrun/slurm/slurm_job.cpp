#include "runtime/envrun/slurm/slurm_job.hpp"

#include <algorithm>
#include <charconv>

#include "installer/base/error.hpp"

namespace eb {
namespace {

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

Error bad_list(const std::string& text, const std::string& why) {
  return Error(ExitCode::kUsage, "Slurm's list of nodes is not understood")
      .where(text.size() > 200 ? text.substr(0, 200) + "..." : text)
      .why(why)
      .hint("SLURM_JOB_NODELIST and SLURM_STEP_NODELIST are made by Slurm: do not change them");
}

std::string padded(uint64_t value, size_t width) {
  std::string digits = std::to_string(value);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

// "1-3,07": the texts that stand for it.
std::vector<std::string> expand_ranges(const std::string& ranges, const std::string& whole) {
  std::vector<std::string> out;
  const std::string all = ranges + ",";
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find(',', begin);
    const std::string range = all.substr(begin, end - begin);
    begin = end + 1;
    const size_t dash = range.find('-');
    const std::string first = range.substr(0, dash);
    const auto low = number(first);
    const auto high = dash == std::string::npos ? low : number(range.substr(dash + 1));
    if (!low || !high || *high < *low) throw bad_list(whole, "no range: " + range);
    if (*high - *low >= kMaxHosts || out.size() + (*high - *low) >= kMaxHosts) {
      throw bad_list(whole, "more than " + std::to_string(kMaxHosts) + " nodes");
    }
    for (uint64_t i = *low; i <= *high; ++i) out.push_back(padded(i, first.size()));
  }
  return out;
}

// One name of the list, with its brackets.
std::vector<std::string> expand_name(const std::string& name, const std::string& whole) {
  std::vector<std::string> out = {""};
  for (size_t at = 0; at < name.size();) {
    if (name[at] != '[') {
      for (std::string& each : out) each += name[at];
      ++at;
      continue;
    }
    const size_t close = name.find(']', at);
    if (close == std::string::npos) throw bad_list(whole, "a bracket is not closed");
    const auto numbers = expand_ranges(name.substr(at + 1, close - at - 1), whole);
    if (out.size() * numbers.size() > kMaxHosts) {
      throw bad_list(whole, "more than " + std::to_string(kMaxHosts) + " nodes");
    }
    std::vector<std::string> longer;
    longer.reserve(out.size() * numbers.size());
    for (const std::string& begin : out) {
      for (const std::string& each : numbers) longer.push_back(begin + each);
    }
    out = std::move(longer);
    at = close + 1;
  }
  return out;
}

// srun's own numbers are small; Slurm numbers batch script, interactive shell and extern step from
// the top of 32 bits (slurm.h, SLURM_BATCH_SCRIPT and its kin).
bool is_srun_step(const std::string& step) {
  const auto value = number(step);
  return value && *value < 0xFFFFFF00u;
}

}  // namespace

std::vector<std::string> expand_host_list(const std::string& text) {
  std::vector<std::string> out;
  std::string name;
  int depth = 0;
  for (const char c : text + ",") {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (depth < 0 || depth > 1) throw bad_list(text, "a bracket is in the wrong place");
    if (c != ',' || depth != 0) {
      name += c;
      continue;
    }
    if (name.empty()) throw bad_list(text, "a name is empty");
    for (std::string& each : expand_name(name, text)) out.push_back(std::move(each));
    if (out.size() > kMaxHosts) {
      throw bad_list(text, "more than " + std::to_string(kMaxHosts) + " nodes");
    }
    name.clear();
  }
  if (depth != 0) throw bad_list(text, "a bracket is not closed");
  return out;
}

unsigned smallest_of_counts(const std::string& text) {
  uint64_t smallest = 0;
  const std::string all = text + ",";
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find(',', begin);
    const std::string each = all.substr(begin, end - begin);
    begin = end + 1;
    const auto value = number(each.substr(0, each.find('(')));
    if (!value || *value == 0 || *value > 1000000) return 0;
    smallest = smallest == 0 ? *value : std::min(smallest, *value);
  }
  return static_cast<unsigned>(smallest);
}

std::optional<SlurmJob> read_slurm_job(const Variables& variables) {
  SlurmJob job;
  job.id = variables.get("SLURM_JOB_ID");
  if (job.id.empty()) return std::nullopt;
  if (!number(job.id)) {
    throw Error(ExitCode::kUsage, "SLURM_JOB_ID is no number").where("'" + job.id + "'");
  }
  const std::string step = variables.get("SLURM_STEP_ID");
  if (is_srun_step(step)) job.step = step;
  std::string list = variables.get(job.is_step() ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST");
  if (list.empty()) list = variables.get("SLURM_JOB_NODELIST");
  if (list.empty()) return std::nullopt;  // a variable that was left over, not a job
  job.nodes = expand_host_list(list);
  job.cpus_per_node = smallest_of_counts(variables.get("SLURM_JOB_CPUS_PER_NODE"));
  if (!job.is_step()) return job;
  job.node_id = static_cast<unsigned>(number(variables.get("SLURM_NODEID")).value_or(0));
  if (job.node_id >= job.nodes.size()) {
    throw Error(ExitCode::kUsage, "Slurm's variables contradict each other")
        .why("SLURM_NODEID is " + std::to_string(job.node_id) + ", the step has " +
             std::to_string(job.nodes.size()) + " nodes");
  }
  const auto tasks = number(variables.get("SLURM_STEP_NUM_TASKS")).value_or(job.nodes.size());
  const uint64_t nodes = job.nodes.size();
  job.tasks_per_node = static_cast<unsigned>(std::max<uint64_t>((tasks + nodes - 1) / nodes, 1));
  return job;
}

unsigned rendezvous_port(const SlurmJob& job) {
  constexpr uint64_t kFirst = 20000;
  constexpr uint64_t kCount = 20000;
  // Far from all small fractions of kCount (the golden section), so that the first steps of
  // neighbouring jobs do not meet.
  constexpr uint64_t kStepDistance = 12361;
  const uint64_t id = number(job.id).value_or(0);
  const uint64_t step = number(job.step).value_or(0);
  return static_cast<unsigned>(kFirst + (id % kCount + step % kCount * kStepDistance) % kCount);
}

}  // namespace eb
