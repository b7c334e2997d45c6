#include "bundler/lock/lock_checks.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

Artifact wheel(const std::string& name, const std::string& version,
               const std::string& licence = "MIT") {
  Artifact out;
  out.kind = ArtifactKind::kWheel;
  out.name = name;
  out.version = version;
  out.licence = licence;
  return out;
}

Manifest asking(const std::string& cuda) {
  Manifest out;
  out.file = "x.toml";
  out.cuda = cuda;
  out.cuda_place = "x.toml, line 9, column 1";
  return out;
}

TEST_CASE("the CUDA of the wheels") {
  CHECK(cuda_of_wheels({wheel("nvidia-cuda-runtime-cu12", "12.8.90")}) == "12.8");
  CHECK(cuda_of_wheels({wheel("nvidia-cuda-runtime", "13.2.86")}) == "13.2");
  CHECK(cuda_of_wheels({wheel("numpy", "2.0"), wheel("nvidia-cudnn-cu12", "9.1")}).empty());
}

TEST_CASE("wheels for another CUDA than the manifest's are refused") {
  const std::vector<Artifact> wheels = {wheel("nvidia-cuda-runtime-cu12", "12.8.90"),
                                        wheel("torch", "2.8.0")};
  CHECK_NOTHROW(check_cuda(asking("12.8"), wheels));
  CHECK_NOTHROW(check_cuda(asking(""), wheels));
  const Error error = test::thrown_error([&] { check_cuda(asking("12.6"), wheels); });
  CHECK(error.code() == ExitCode::kUnresolvable);
  CHECK(std::string(error.what()) ==
        "torch 2.8.0 is built for CUDA 12.8, the manifest asks for 12.6");
  CHECK(error.where() == "x.toml, line 9, column 1");
  CHECK(error.why() ==
        "an index has one build of each version without a local part; that is CUDA 12.8 here");
  CHECK(error.hints() ==
        std::vector<std::string>{
            "write cuda = \"12.8\"",
            "other builds are on https://download.pytorch.org/whl/cu126 as torch==2.8.0+cu126; "
            "that index can be named in pip's configuration or with --index-url"});

  const Error none =
      test::thrown_error([&] { check_cuda(asking("12.6"), {wheel("torch", "2.8.0")}); });
  CHECK(std::string(none.what()) == "torch 2.8.0 came without CUDA, the manifest asks for 12.6");
  const Error alone = test::thrown_error(
      [&] { check_cuda(asking("12.6"), {wheel("nvidia-cuda-runtime-cu12", "12.8.90")}); });
  CHECK(std::string(alone.what()) ==
        "the wheels are built for CUDA 12.8, the manifest asks for 12.6");
}

TEST_CASE("licences that somebody has to accept") {
  CHECK(needs_acceptance("NVIDIA Proprietary Software"));
  CHECK(needs_acceptance("LicenseRef-NVIDIA-Proprietary"));
  CHECK(needs_acceptance("Other/Proprietary License"));
  CHECK(needs_acceptance("NVIDIA EULA"));
  CHECK_FALSE(needs_acceptance("BSD-3-Clause AND Zlib"));
  CHECK_FALSE(needs_acceptance(""));

  Manifest manifest = asking("");
  const std::vector<Artifact> wheels = {wheel("a", "1", "NVIDIA EULA"), wheel("b", "1", "MIT"),
                                        wheel("c", "1", "NVIDIA EULA"),
                                        wheel("d", "1", "Proprietary")};
  const Error error = test::thrown_error([&] { check_licences(manifest, wheels); });
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(std::string(error.what()) == "licences that the manifest does not accept");
  CHECK(error.why() == "\"NVIDIA EULA\": a, c; \"Proprietary\": d");
  CHECK(error.hints() ==
        std::vector<std::string>{"read them; who accepts them writes under [licences]: accept = "
                                 "[\"NVIDIA EULA\", \"Proprietary\"]"});
  manifest.accepted_licences = {"NVIDIA EULA", "Proprietary"};
  CHECK_NOTHROW(check_licences(manifest, wheels));
}

}  // namespace
}  // namespace eb
