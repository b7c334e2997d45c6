#pragma once

#include <nlohmann/json_fwd.hpp>

#include "installer/check/check_report.hpp"

namespace eb {

/// The report for programs: one object with "record": "check". All text is UTF-8. Keys are only
/// ever added.
nlohmann::ordered_json report_json(const CheckReport& report);

}  // namespace eb
