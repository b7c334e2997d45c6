#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/envrun/doctor/machine.hpp"
#include "runtime/envrun/doctor/sections.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb::test {

/// A machine of files below a temporary folder, with facts that a test sets.
struct FakeMachine {
  FakeMachine() : FakeMachine(nullptr, "") {}
  /// On the root of something else, such as a Situation's.
  FakeMachine(Sys* sys, const std::string& root)
      : machine{.files = HostFiles(sys != nullptr ? *sys : real_sys(),
                                   sys != nullptr ? root : dir.path().string()),
                .root = sys != nullptr ? root : dir.path().string(),
                .host_name = "n1",
                .directory = "/home/ada",
                .uid = getuid(),
                .gid = getgid()} {
    machine.place = {.release = "/opt/dl/releases/r-1",
                     .prefix = "/opt/dl",
                     .release_name = "r-1",
                     .is_current = true};
    machine.variables.set("HOME", "/home/ada");
    machine.meta.emplace();
    machine.facts.addresses.emplace();
    machine.facts.own_addresses = {"10.0.0.1"};
    machine.facts.kernel = "6.1.0";
    machine.facts.cpus_online = machine.facts.cpus_allowed = 8;
  }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = machine.root + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void folder(const std::string& path) { std::filesystem::create_directories(machine.root + path); }
  /// `mask`: 8, 16 or 24.
  void address(const std::string& name, const std::array<uint8_t, 4>& bytes, unsigned mask = 24,
               bool is_running = true) {
    InterfaceAddress out{.name = name, .is_running = is_running};
    for (size_t i = 0; i < 4; ++i) {
      out.text += (i > 0 ? "." : "") + std::to_string(bytes[i]);
      out.bytes[i] = bytes[i];
      out.mask[i] = i < mask / 8 ? 255 : 0;
    }
    machine.facts.addresses->push_back(out);
  }
  FolderAnswer& answer(const std::string& path) {
    machine.facts.folders.push_back({.path = path,
                                     .has_answered = true,
                                     .type = 0xEF53,
                                     .total_bytes = 100ull << 30,
                                     .free_bytes = 50ull << 30,
                                     .total_files = 1000000,
                                     .free_files = 900000,
                                     .is_writable = true});
    return machine.facts.folders.back();
  }

  TempDir dir;
  Machine machine;
};

/// The first finding with that subject; one that says so when there is none.
inline Observation found(const Observations& findings, const std::string& subject) {
  const auto at = std::ranges::find(findings.all(), subject, &Observation::subject);
  return at == findings.all().end() ? Observation{.subject = "NOT FOUND: " + subject} : *at;
}

}  // namespace eb::test
