#pragma once

namespace eb::metrics {

enum class FamilyType { kGauge, kCounter };

/// A metric of the exposition: its name, what Prometheus calls its type, and what it is, with unit.
/// Families are constants of static lifetime and are told apart by their names.
struct Family {
  const char* name;
  FamilyType type;
  const char* help;
};

}  // namespace eb::metrics
