#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "installer/driver/driver_probe.hpp"
#include "installer/driver/gpu_demand.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb::test {

/// Answers for character devices, which only root can make: stat and access as the tree says.
/// Opening one is an error that is counted, because it would wake a GPU.
class DeviceSys final : public ForwardingSys {
 public:
  struct Device {
    unsigned mode = 0;
    unsigned uid = 0;
    unsigned gid = 0;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    int error = 0;  ///< 0 = by the mode, for a user who is neither owner nor in the group
    bool is_regular = false;
  };

  explicit DeviceSys(std::string root) : root_(std::move(root)) {}
  void add(const std::string& path, Device device) { devices_[path] = device; }
  unsigned opened() const { return opened_; }

  int openat(int dir, const char* path, int flags, mode_t mode) override;
  int fstatat(int dir, const char* path, struct stat* out, int flags) override;
  int faccessat(int dir, const char* path, int mode) override;

 private:
  const Device* find(const char* path) const;

  std::string root_;
  std::map<std::string, Device> devices_;
  unsigned opened_ = 0;
};

/// A whole machine from a text file, made below a temporary folder. One directive a line:
///   # …                           comment; the first one names the source of the sample
///   machine aarch64               as uname -m; else x86_64
///   env NAME=VALUE                environment variable
///   bundle NAME                   one to judge: cu118, cu126, cu128, cu130 or none
///   meta KEY VALUE                changes a meta key of the last bundle
///   dir PATH                      link PATH -> TARGET
///   file PATH                     content in "| " lines behind it
///   bytes PATH HEX                content
///   char PATH MODE UID GID MAJOR MINOR [EPERM|EACCES]
///   suid PATH                     a set-uid program of root
///   pci ADDRESS VENDOR DEVICE CLASS DRIVER NUMA      DRIVER - = none
///   elf PATH MACHINE needs=A,B defines=C,D
///   cache PATH                    ld.so.cache with "| SONAME x86-64|aarch64 PATH" lines
///   old-cache PATH                the same in the format before glibc 2.32
class Situation {
 public:
  explicit Situation(const std::string& file);

  struct Bundle {
    std::string name;
    std::map<std::string, std::string> meta;
  };

  const std::string& source() const { return source_; }
  const std::vector<Bundle>& bundles() const { return bundles_; }
  std::string root() const { return dir_.path().string(); }
  DeviceSys& sys() { return sys_; }
  const ProbeEnvironment& environment() const { return environment_; }
  DriverProbe probe() { return probe_driver(sys_, root(), environment_); }

 private:
  void apply(const std::string& line, const std::vector<std::string>& content);
  std::string made(const std::string& path);
  void write(const std::string& path, const std::string& text);
  void add_pci(const std::vector<std::string>& words);
  void add_char(const std::vector<std::string>& words);
  void add_cache(const std::string& path, const std::vector<std::string>& content, bool is_old);

  TempDir dir_;
  DeviceSys sys_;
  std::string source_;
  std::vector<Bundle> bundles_;
  std::map<std::string, std::string> variables_;
  ProbeEnvironment environment_;
};

/// Meta of a bundle by its name; throws for an unknown name.
std::map<std::string, std::string> bundle_meta(const std::string& name);

}  // namespace eb::test
