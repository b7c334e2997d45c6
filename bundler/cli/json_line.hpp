#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace eb {

/// One record as one line. Outside text that is no UTF-8 is made so.
inline std::string json_line(const nlohmann::ordered_json& record) {
  return record.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace eb
