#include "runtime/envrun/doctor/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "installer/base/error.hpp"

namespace eb {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kHealthWidth = 9;    // columns
constexpr size_t kSubjectWidth = 18;  // columns

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

bool is_bad(const Observation& finding) { return finding.health >= Health::kWarning; }

void print(std::ostream& out, const Observation& finding) {
  out << "  " << padded(health_name(finding.health), kHealthWidth)
      << padded(printable(finding.subject), kSubjectWidth) << printable(finding.text) << "\n";
  const std::string indent(2 + kHealthWidth, ' ');
  if (!finding.cause.empty()) out << indent << "why: " << printable(finding.cause) << "\n";
  for (const std::string& next : finding.next) out << indent << "do:  " << printable(next) << "\n";
}

void print_record(std::ostream& out, const Json& record) {
  out << record.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

HealthCounts count_health(const std::vector<ExaminedSection>& sections) {
  HealthCounts out{};
  for (const ExaminedSection& section : sections) {
    for (const Observation& finding : section.findings.all()) {
      ++out.at(static_cast<size_t>(finding.health));
    }
  }
  return out;
}

void print_report(std::ostream& out, const Machine& machine,
                  const std::vector<ExaminedSection>& sections, bool only_bad) {
  out << printable(machine.place.release_name) << " on " << printable(machine.host_name)
      << ", as user " << machine.uid << "\n";
  for (const ExaminedSection& section : sections) {
    const auto& all = section.findings.all();
    if (all.empty() || (only_bad && std::ranges::none_of(all, is_bad))) continue;
    out << section.title << " (" << section.name << ")\n";
    for (const Observation& finding : all) {
      if (!only_bad || is_bad(finding)) print(out, finding);
    }
  }
  const HealthCounts counts = count_health(sections);
  out << number_text(counts[3], "problem", "problems") << ", "
      << number_text(counts[2], "warning", "warnings") << ", "
      << number_text(counts[1], "note", "notes") << ", " << counts[0] << " ok\n"
      << std::flush;
}

void print_records(std::ostream& out, const Machine& machine,
                   const std::vector<ExaminedSection>& sections, bool only_bad) {
  for (const ExaminedSection& section : sections) {
    for (const Observation& finding : section.findings.all()) {
      if (only_bad && !is_bad(finding)) continue;
      print_record(out, {{"record", "finding"},
                         {"section", section.name},
                         {"state", health_name(finding.health)},
                         {"subject", finding.subject},
                         {"text", finding.text},
                         {"cause", finding.cause},
                         {"next", finding.next}});
    }
  }
  const HealthCounts counts = count_health(sections);
  print_record(out, {{"record", "summary"},
                     {"release", machine.place.release_name},
                     {"prefix", machine.place.prefix},
                     {"host", machine.host_name},
                     {"problems", counts[3]},
                     {"warnings", counts[2]},
                     {"notes", counts[1]},
                     {"ok", counts[0]}});
  out << std::flush;
}

}  // namespace eb
