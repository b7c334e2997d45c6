#pragma once

#include "installer/install/prefix.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb::test {

/// An empty prefix, a Sys with faults, and what the calls on a prefix want besides.
struct PrefixShop {
  MemoryDir dir;
  FaultySys sys;
  Host host = read_host(real_sys(), "");
  NullSink events;
  StopFlag stop;
  Prefix prefix =
      make_prefix(real_sys(), look_at_prefix(real_sys(), (dir.path() / "p").string(), "", false));

  fs::path at(const std::string& name) const { return dir.path() / "p" / name; }

  /// From now on calls of this name on this path (any where it is empty) fail with `error`.
  void fail(const std::string& name, const std::string& path, int error) {
    sys.before = [=](const SysCall& call) {
      return call.name == name && (path.empty() || call.path == path) ? error : 0;
    };
  }
};

}  // namespace eb::test
