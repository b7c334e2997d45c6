#pragma once

#include <array>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/envrun/doctor/machine.hpp"
#include "runtime/envrun/doctor/observation.hpp"

namespace eb {

struct ExaminedSection {
  const char* name;
  const char* title;
  Observations findings;
};

/// How many findings there are of each Health, by its number.
using HealthCounts = std::array<size_t, 4>;
HealthCounts count_health(const std::vector<ExaminedSection>& sections);

/// For people: a part a section, at last the sums. `only_bad`: warnings and problems alone.
void print_report(std::ostream& out, const Machine& machine,
                  const std::vector<ExaminedSection>& sections, bool only_bad);

/// For programs: a record "finding" a line, at last a record "summary". Keys are only ever added.
void print_records(std::ostream& out, const Machine& machine,
                   const std::vector<ExaminedSection>& sections, bool only_bad);

}  // namespace eb
