#pragma once

#include <optional>
#include <string>

#include "runtime/envrun/notebook/address.hpp"

namespace eb {

/// What a Jupyter server writes about itself to `jpserver-PID.json` of its runtime directory.
struct ServerRecord {
  ServerAddress address;
  int pid = 0;
  bool has_password = false;
  std::string token;
};

/// nullopt for text that is no (or not yet a whole) record.
std::optional<ServerRecord> parse_server_record(const std::string& text);

/// The record in `directory`, which belongs to one server alone; nullopt while there is none.
std::optional<ServerRecord> find_server_record(Sys& sys, const std::string& directory);

/// A connection is accepted. A server named by a host name cannot be asked (a static program
/// resolves no names) and counts as listening.
bool is_listening(const ServerAddress& address);

}  // namespace eb
