#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"
#include "runtime/envrun/core/place.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {

inline constexpr uint64_t kUnlimited = ~0ull;

/// One address of one interface, as getifaddrs(3) lists them: the order is part of what NCCL
/// chooses by.
struct InterfaceAddress {
  std::string name;  ///< eth0
  bool is_v6 = false;
  std::string text = {};  ///< 10.1.2.3, fe80::1
  std::array<uint8_t, 16> bytes{};
  std::array<uint8_t, 16> mask{};
  bool is_running = false;  ///< IFF_RUNNING: up and with a carrier
};

struct Quota {
  std::string kind;  ///< "user" or "group"
  uint64_t used_bytes = 0;
  uint64_t limit_bytes = 0;  ///< the lower of soft and hard; 0 = none
  uint64_t used_files = 0;
  uint64_t limit_files = 0;
};

/// What the file system below a folder told of itself.
struct FolderAnswer {
  std::string path = {};
  bool has_answered = false;  ///< false: not within the time, as with a server that is gone
  int error = 0;              ///< errno of opening it; the rest is empty then
  uint64_t type = 0;          ///< statfs magic
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  ///< for this user
  uint64_t total_files = 0;
  uint64_t free_files = 0;
  bool is_read_only = false;
  bool is_noexec = false;
  bool is_writable = false;  ///< by this user's permissions
  std::vector<Quota> quotas = {};
};

struct ResourceLimit {
  uint64_t soft = kUnlimited;
  uint64_t hard = kUnlimited;
};

/// What a machine tells by system calls instead of files. A value: tests make their own.
struct Facts {
  std::map<std::string, ResourceLimit> limits;  ///< memlock, nofile, nproc, stack, as, core
  unsigned cpus_online = 0;
  unsigned cpus_allowed = 0;                               ///< by the affinity mask
  std::optional<std::vector<InterfaceAddress>> addresses;  ///< nullopt: the kernel did not tell
  std::string addresses_error;
  /// Of the host's own name, in the order of the resolver; nullopt: nobody could be asked in time.
  std::optional<std::vector<std::string>> own_addresses;
  std::vector<FolderAnswer> folders;
  std::optional<int> user_namespace_error;  ///< 0: may be made; errno; nullopt = not told
  std::string kernel;                       ///< as uname -r
  int64_t now = 0;                          ///< seconds since 1970
};

/// A machine and a user on it, as the sections of the doctor see them.
struct Machine {
  HostFiles files;
  Variables variables = {};
  Place place = {};
  Facts facts = {};
  /// What the release's index says of it (keys: installer/format/index.hpp); nullopt: unreadable.
  std::optional<std::map<std::string, std::string>> meta = {};
  std::string root = {};  ///< as World::root
  std::string host_name = {};
  std::string directory = {};  ///< the working directory
  uid_t uid = 0;
  gid_t gid = 0;

  std::string home() const { return variables.get("HOME"); }
  /// $TMPDIR, else /tmp.
  std::string temporary() const;
  /// nullptr when nobody asked for it.
  const FolderAnswer* folder(const std::string& path) const;
  /// False below a folder whose file system did not answer: reading there could hang for ever.
  bool may_read(const std::string& path) const;
};

/// Entries of a list such as LD_LIBRARY_PATH that are absolute paths, each once, at most 64.
std::vector<std::string> path_list(const std::string& value);

}  // namespace eb
