#pragma once

#include <string>

#include "installer/install/prefix.hpp"

namespace eb {

/// Where a repair makes its files: a private folder below .envinstall, on the same file system as
/// the releases. Gone with the object; what a killed run leaves remove_leftovers() finds.
class MendYard {
 public:
  MendYard(Sys& sys, const Prefix& prefix, std::string release, std::string nonce);
  ~MendYard();
  MendYard(const MendYard&) = delete;
  MendYard& operator=(const MendYard&) = delete;

  int fd() const { return fd_.get(); }

  /// Renames what was made here as `temporary` to `name` in the folder `parent`. A folder that
  /// stands there is set aside; anything else is replaced. `where` is for messages.
  void place(const std::string& temporary, int parent, const std::string& name,
             const std::string& where);

  /// Moves what stands in the way to .envinstall/kept-<release>-<nonce>/.
  void set_aside(int parent, const std::string& name, const std::string& where);

  /// Where that lies; empty when there was nothing.
  const std::string& kept_at() const { return kept_at_; }

 private:
  Sys& sys_;
  const Prefix& prefix_;
  const std::string release_;
  const std::string nonce_;
  const std::string name_;
  Fd fd_;
  std::string kept_at_;
  unsigned kept_count_ = 0;
};

}  // namespace eb
