#include "bundler/manifest/torch_builds.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

TorchWish wish(const std::string& specifier, const std::string& cuda,
               const std::string& platform = "linux-x86_64", const std::string& python = "3.11") {
  return {*VersionSpecifier::parse(specifier), "torch" + specifier, cuda, platform, python};
}

TEST_CASE("what exists passes without a word") {
  const auto [specifier, cuda] = GENERATE(table<const char*, const char*>({
      {"==2.8.0", "12.8"},
      {"==2.8.0", "12.6"},
      {"==2.7.1", "11.8"},
      {">=2.7,<2.9", "11.8"},
      {"==2.13.*", "13.2"},
      {"~=2.8.0", "12.9"},
      {"==2.8.0", ""},
      {"", ""},
  }));
  INFO(specifier << " CUDA " << cuda);
  CHECK(check_torch(wish(specifier, cuda)).empty());
}

TEST_CASE("what is newer than the table goes on with a word") {
  CHECK(check_torch(wish("==2.15.0", "13.2")) ==
        std::vector<std::string>{"'torch==2.15.0' may be a PyTorch that is not known to the table "
                                 "of 2026-09; whether it exists for CUDA 13.2 shows when it "
                                 "resolves"});
  CHECK(check_torch(wish(">=2.8", "11.8")).size() == 1);
  CHECK(check_torch(wish("==3.0", "14.0")).size() == 1);
}

TEST_CASE("what was never built is refused") {
  const Error line = test::thrown_error([] { check_torch(wish("==2.8.0", "12.1")); });
  CHECK(line.code() == ExitCode::kUnresolvable);
  CHECK(std::string(line.what()) == "PyTorch 2.8 was never built for CUDA 12.1");
  CHECK(line.hints()[0] == "CUDA 12.1 exists for PyTorch 2.3, 2.4 and 2.5");

  const Error range = test::thrown_error([] { check_torch(wish(">=2.8,<2.10", "11.8")); });
  CHECK(std::string(range.what()) ==
        "no PyTorch that satisfies 'torch>=2.8,<2.10' was built for CUDA 11.8");
  CHECK(range.why() ==
        "PyTorch 2.8 exists for CUDA 12.6, 12.8 and 12.9; 2.9 exists for CUDA 12.6, 12.8 and 13.0");

  const Error nowhere = test::thrown_error([] { check_torch(wish("==2.8.0", "12.7")); });
  CHECK(nowhere.hints()[0] == "no PyTorch known here was built for CUDA 12.7");

  const Error alone =
      test::thrown_error([] { check_torch(wish("==2.9.1", "12.9", "linux-aarch64")); });
  CHECK(std::string(alone.what()) == "PyTorch 2.9 was never built for CUDA 12.9 on linux-aarch64");
  CHECK(alone.hints()[0] == "CUDA 12.9 on linux-aarch64 exists for PyTorch 2.8 alone");
}

TEST_CASE("a Python that PyTorch was not built for is refused") {
  const Error error =
      test::thrown_error([] { check_torch(wish("==2.9.1", "12.8", "linux-x86_64", "3.9.2")); });
  CHECK(error.code() == ExitCode::kUnresolvable);
  CHECK(std::string(error.what()) ==
        "no PyTorch that satisfies 'torch==2.9.1' was built for Python 3.9");
  CHECK(error.why() == "it exists for Python 3.10 to 3.14");
}

TEST_CASE("what is not known for a platform goes on with a word") {
  CHECK(check_torch(wish("==2.5.1", "12.1", "linux-aarch64")) ==
        std::vector<std::string>{"the CUDA versions of 'torch==2.5.1' for linux-aarch64 are not "
                                 "known to the table of 2026-09"});
}

TEST_CASE("driver floors") {
  CHECK(min_driver_for_cuda("11.8") == "450.80.02");
  CHECK(min_driver_for_cuda("12.8") == "525.60.13");
  CHECK(min_driver_for_cuda("13.2") == "580");
  CHECK(min_driver_for_cuda("9.2").empty());
}

}  // namespace
}  // namespace eb
