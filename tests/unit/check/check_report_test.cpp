#include "installer/check/check_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "golden_text.hpp"
#include "installer/check/report_json.hpp"
#include "sample_report.hpp"

namespace eb {
namespace {

using namespace test;

CheckReport bare_report() {
  CheckReport out = about();
  out.driver = "none here";
  out.verdict_kind = "no-driver";
  out.verdict_text = "";
  out.steps = {skipped_step("gpucheck", "driver-library", "no NVIDIA device"),
               skipped_step("gpucheck", "driver-init", "needs driver-library")};
  judge_report(out);
  return out;
}

TEST_CASE("the page for people") {
  check_golden("report_good.txt", report_text(good_report()));
  check_golden("report_bad.txt", report_text(bad_report()));
  check_golden("report_bare.txt", report_text(bare_report()));
  check_golden("report_skipped.txt",
               report_text(skipped_report(about(), "not wanted (--gpu-check=skip)")));
}

TEST_CASE("the record for programs") {
  const auto dump = [](const CheckReport& report) { return report_json(report).dump(2) + "\n"; };
  check_golden("report_good.json", dump(good_report()));
  check_golden("report_bad.json", dump(bad_report()));
  check_golden("report_bare.json", dump(bare_report()));
}

TEST_CASE("the page is ASCII, no wider than 100 columns, and no longer than a page") {
  for (const CheckReport& report : {good_report(), bad_report(), bare_report()}) {
    const std::string text = report_text(report);
    CHECK(text.ends_with('\n'));
    CHECK(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
    std::istringstream lines(text);
    size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      INFO(line);
      CHECK(line.size() <= 100);
      CHECK_FALSE(line.ends_with(' '));
    }
    CHECK(count < 100);
  }
}

TEST_CASE("a word that is wider than the page stays whole") {
  CheckReport report = about();
  report.prefix = "/" + std::string(200, 'x');
  report.reasons = {"a " + std::string(150, 'y') + " b"};
  const std::string text = report_text(report);
  CHECK(text.find("prefix      " + report.prefix + "\n") != std::string::npos);
  CHECK(text.find("  - a\n    " + std::string(150, 'y') + "\n    b\n") != std::string::npos);
}

TEST_CASE("a report of nothing can be shown") {
  CHECK(report_text({}).starts_with("GPU check: SKIPPED\n"));
  CHECK(report_json({}).at("state") == "skipped");
  CHECK(report_json({}).at("isolation").at("state") == "not-judged");
}

TEST_CASE("what makes a check pass, fail, or be not testable") {
  const auto judged = [](CheckReport report) {
    report.reasons.clear();
    judge_report(report);
    return report;
  };
  using Strings = std::vector<std::string>;
  CheckReport report = judged(good_report());
  CHECK(report.state == CheckState::kPassed);
  CHECK(report.reasons == Strings{"the GPU stack works on 2 GPUs"});

  SECTION("no isolation seen: passed, and said so") {
    report.isolation = {};
    report = judged(report);
    CHECK(report.state == CheckState::kPassed);
    CHECK(report.reasons == Strings{"the GPU stack works on 2 GPUs",
                                    "that its libraries are the release's own was not seen"});
  }
  SECTION("a foreign library") {
    report.isolation.violations = {{"/usr/lib/lib\x1b.so", "elsewhere"}};
    report = judged(report);
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons == Strings{"a library is not the release's own: /usr/lib/lib\\x1b.so"});
  }
  SECTION("a failure of torch alone") {
    report.steps.push_back(failed_step("torch", "torch-ddp", {"compare", 0, "x"}));
    report = judged(report);
    CHECK(report.state == CheckState::kFailed);
    REQUIRE(report.reasons.size() == 1);
    CHECK(report.reasons[0].starts_with("torch-ddp failed: the GPU computed a wrong result"));
  }
  SECTION("a full GPU fails nothing, and proves nothing") {
    report.steps.push_back(failed_step("torch", "torch-amp", {"runtime", 2, "out of memory"}));
    report = judged(report);
    CHECK(report.state == CheckState::kNotTestable);
    CHECK(report.reasons ==
          Strings{"torch-amp: the GPU's memory is full; the release is not at fault"});
    report.steps.push_back(failed_step("torch", "torch-ddp", {"compare", 0, "x"}));
    report = judged(report);
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons.size() == 2);
  }
  SECTION("a program that died between steps") {
    report.programs[0].problem = explain_crash(SIGABRT, std::nullopt, {});
    report = judged(report);
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons == Strings{"gpucheck: the check program crashed (SIGABRT) inside the "
                                    "driver or a library"});
  }
  SECTION("steps that pass without a GPU prove nothing") {
    report.gpus.clear();
    report.steps = {good_step("gpucheck", "runtime", 1),
                    skipped_step("gpucheck", "nccl", "no NVIDIA device"),
                    skipped_step("gpucheck", "bandwidth", "no NVIDIA device"),
                    good_step("torch", "torch-matmul", 1)};
    report = judged(report);
    CHECK(report.state == CheckState::kNotTestable);
    CHECK(report.reasons == Strings{"no NVIDIA device"});
  }
  SECTION("a GPU that no step used proves nothing") {
    report.steps = {good_step("gpucheck", "driver-init", 1)};
    report = judged(report);
    CHECK(report.state == CheckState::kNotTestable);
    CHECK(report.reasons == Strings{"no step could use a GPU"});
  }
  CHECK(std::string(check_state_name(CheckState::kPassed)) == "passed");
  CHECK(std::string(check_state_name(CheckState::kFailed)) == "failed");
  CHECK(std::string(check_state_name(CheckState::kNotTestable)) == "not-testable");
  CHECK(std::string(check_state_name(CheckState::kSkipped)) == "skipped");
}

}  // namespace
}  // namespace eb
