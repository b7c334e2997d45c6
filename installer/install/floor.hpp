#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// What a prefix remembers so that nobody is led back to an older bundle (F040, F042, F043).
struct Floor {
  std::map<std::string, uint64_t> counters;  ///< highest release counter by bundle name
  int64_t newest = 0;    ///< the latest time that any bundle or install stated, seconds since 1970
  bool damaged = false;  ///< the file was there and could not be understood
};

/// From .envinstall/floor and, because that file may be lost, from the receipts of all releases.
/// `prefix` is the open prefix; nothing there is no error.
Floor read_floor(Sys& sys, int prefix, const std::vector<std::string>& releases);

/// Floor::newest of the prefix at `path`; 0 where there is none, or nothing can be read.
int64_t remembered_time(Sys& sys, const std::string& path) noexcept;

/// Durable; throws Error. `state` is the open .envinstall.
void write_floor(Sys& sys, int state, const Floor& floor, const std::string& where);

/// Adds a line to .envinstall/log; what cannot be written is not worth an error.
void append_log(Sys& sys, int state, int64_t now, const std::string& text) noexcept;

}  // namespace eb
