#include "situation.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "golden.hpp"
#include "installer/driver/verdict.hpp"
#include "tests/support/faulty_sys.hpp"

namespace eb {
namespace {

using namespace test;

std::vector<std::string> situation_files() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(EB_TEST_DATA "/situations")) {
    if (entry.path().extension() == ".tree") out.push_back(entry.path().string());
  }
  std::ranges::sort(out);
  return out;
}

std::string verdict_text(const std::string& bundle, const Verdict& verdict) {
  std::string out = "bundle " + bundle + "\n";
  const auto line = [&](const std::string& label, const std::string& text) {
    if (!text.empty()) out += "  " + label + ": " + text + "\n";
  };
  line("verdict", std::string(verdict_name(verdict.kind)) +
                      (verdict.reason.empty() ? "" : " (" + verdict.reason + ")"));
  line("summary", verdict.summary);
  for (const std::string& text : verdict.hazards) line("hazard", text);
  for (const std::string& text : verdict.notes) line("note", text);
  for (const std::string& text : verdict.remedies) line("remedy", text);
  line("required", verdict.required_driver);
  line("recommended", verdict.recommended_driver);
  line("would fit", verdict.fitting_build);
  line("testable", verdict.is_testable ? "yes" : "no: " + verdict.why_not_testable);
  line("warning", verdict_warning(verdict));
  return out;
}

TEST_CASE("every situation gives its text and its verdicts") {
  const std::vector<std::string> files = situation_files();
  REQUIRE(files.size() >= 25);
  for (const std::string& file : files) {
    INFO(file);
    Situation situation(file);
    // The first comment says where the sample comes from.
    CHECK(situation.source().starts_with("SOURCE: "));
    CHECK(!situation.bundles().empty());
    const DriverProbe probe = situation.probe();
    std::string text;
    for (const auto& [label, value] : probe_rows(probe)) text += label + ": " + value + "\n";
    for (const Situation::Bundle& bundle : situation.bundles()) {
      text += "\n" + verdict_text(bundle.name, judge(gpu_demand(bundle.meta), probe));
    }
    const std::string expected = std::filesystem::path(file).replace_extension(".expected");
    const std::string difference = compare_golden(expected, text);
    INFO(difference);
    CHECK(difference.empty());
    // No device was opened, and no text holds what the temporary folder is called.
    CHECK(situation.sys().opened() == 0);
    CHECK(text.find(situation.root()) == std::string::npos);
  }
}

TEST_CASE("a verdict always says something, and a refusal always says what to do") {
  for (const std::string& file : situation_files()) {
    INFO(file);
    Situation situation(file);
    const DriverProbe probe = situation.probe();
    for (const char* name : {"none", "cu118", "cu126", "cu128", "cu130"}) {
      INFO(name);
      const Verdict verdict = judge(gpu_demand(bundle_meta(name)), probe);
      CHECK(!verdict.summary.empty());
      CHECK(verdict.is_testable == verdict.why_not_testable.empty());
      if (verdict.kind != VerdictKind::kOk && verdict.kind != VerdictKind::kNotNeeded) {
        CHECK(!verdict.remedies.empty());
      }
      if (!verdict.hazards.empty()) CHECK(!verdict.remedies.empty());
    }
  }
}

TEST_CASE("a probe survives any one call that fails, and all of them") {
  for (const char* name :
       {"h100_open_550", "mig_with_instances", "wsl2", "docker_without_devices"}) {
    INFO(name);
    Situation situation(std::string(EB_TEST_DATA "/situations/") + name + ".tree");
    FaultySys counting(situation.sys());
    probe_driver(counting, situation.root(), situation.environment());
    const size_t calls = counting.calls();
    REQUIRE(calls > 20);
    for (size_t n = 1; n <= calls; ++n) {
      FaultySys faulty(situation.sys());
      faulty.before = [&](const SysCall& call) { return call.number == n ? EIO : 0; };
      const DriverProbe probe = probe_driver(faulty, situation.root(), situation.environment());
      CHECK(!judge(gpu_demand(bundle_meta("cu128")), probe).summary.empty());
    }
    FaultySys dead(situation.sys());
    dead.before = [](const SysCall&) { return EACCES; };
    const DriverProbe nothing = probe_driver(dead, situation.root(), situation.environment());
    CHECK(!nothing.module.is_loaded);
    CHECK(nothing.gpus.empty());
    CHECK(judge(gpu_demand(bundle_meta("cu128")), nothing).kind == VerdictKind::kNoDriver);
  }
}

TEST_CASE("short reads and interruptions change nothing") {
  for (const std::string& file : situation_files()) {
    INFO(file);
    Situation situation(file);
    FaultySys slow(situation.sys());
    slow.max_transfer = 3;
    slow.before = [](const SysCall& call) {
      return call.name.ends_with("read") && call.number % 5 == 0 ? EINTR : 0;
    };
    CHECK(probe_rows(probe_driver(slow, situation.root(), situation.environment())) ==
          probe_rows(situation.probe()));
  }
}

TEST_CASE("the machine that runs this test is probed and judged") {
  const DriverProbe probe = probe_driver(real_sys(), "", {});
  CHECK(!probe_rows(probe).empty());
  CHECK(!judge(gpu_demand(bundle_meta("cu128")), probe).summary.empty());
}

}  // namespace
}  // namespace eb
