#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb {

/// One line of .envinstall/log.
struct HistoryEvent {
  int64_t time = 0;  ///< seconds since 1970, by the clock of the machine that did it
  std::string what;  ///< installed | activated | rolled back | uninstalled | repaired
  std::string release;
  std::string id;                       ///< of the bundle; may be empty
  std::string previous;                 ///< rolled back: what was active before
  std::string signer;                   ///< fingerprint; may be empty
  std::optional<uint64_t> uid;          ///< of the user who did it
  std::vector<std::string> exceptions;  ///< "--allow-downgrade", "--allow-expired"
};

/// The log's lines in their order; what is no such line is left out and counted in `*skipped`,
/// which may be null.
std::vector<HistoryEvent> parse_history(const std::string& log, size_t* skipped);

/// The log of the prefix whose directory is open; empty where there is none.
std::vector<HistoryEvent> read_history(Sys& sys, int prefix, size_t* skipped);

/// When each release was the active one.
struct ActiveTime {
  int64_t since = 0;             ///< began last
  size_t event = 0;              ///< by which event: clocks go back, the log does not
  std::optional<int64_t> until;  ///< ended last; nullopt = it is the active one by the log
};
std::map<std::string, ActiveTime> active_times(const std::vector<HistoryEvent>& events);

/// "2026-03-04T05:06:07Z"; nullopt for anything else.
std::optional<int64_t> parse_utc_text(const std::string& text);

}  // namespace eb
