#include "bundler/cli/module_files.hpp"

#include <catch2/catch.hpp>

#include "../bundler_pack/scratch.hpp"
#include "installer/install/module_text.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;

Lock sample_lock() {
  Lock lock;
  lock.manifest_name = "pytorch-2.8-cu128";
  lock.version = "2.8.0";
  lock.python = "3.11.2";
  lock.cuda = "12.8";
  for (const char* name : {"numpy", "jupyterlab", "pandas", "pip", "torch", "networkx"}) {
    Artifact artifact;
    artifact.kind = ArtifactKind::kWheel;
    artifact.name = name;
    artifact.version = "1.2";
    if (artifact.name != "networkx") artifact.asked_by = {"manifest"};
    lock.artifacts.push_back(artifact);
  }
  return lock;
}

struct Staged {
  Scratch scratch;
  Staging staging{scratch / "t"};
  explicit Staged(const Lock& lock, const std::vector<std::string>& programs = {}) {
    for (const std::string& name : programs) {
      staging.add_file(RelPath("bin/" + name), as_bytes("x"), true, "test");
    }
    stage_module_files(lock, staging);
  }
  std::string text(const std::string& path) const { return read_text(scratch / ("t/" + path)); }
};

TEST_CASE("a release has a module file for either module system") {
  const Staged staged(sample_lock(), {"python", "envrun", "torchrun", "unknown"});
  for (const char* ending : {"", ".lua"}) {
    const std::string text =
        staged.text(std::string("modulefiles/pytorch-2.8-cu128/2.8.0") + ending);
    INFO(text);
    CHECK(is_module_text(text));
    CHECK(module_value(text, "above") == "3");
    CHECK(module_value(text, "below") == "");
    CHECK(module_value(text, "layout") == "");
    CHECK(module_value(text, "conflicts") ==
          "pytorch cuda cudnn nccl conda anaconda miniconda miniforge");
    CHECK_THAT(text, Catch::Contains("Description: torch 1.2, numpy 1.2, jupyterlab 1.2, pandas "
                                     "1.2, Python 3.11.2, CUDA 12.8"));
    CHECK_THAT(text, Catch::Contains("Programs: envrun, python, torchrun."));
    CHECK_THAT(text, Catch::Contains("pip 1.2"));
    CHECK_THAT(text, !Catch::Contains("networkx") && !Catch::Contains("unknown"));
    CHECK_THAT(text, Catch::Contains("EBROOTPYTORCHMIN28MINCU128"));
    // Everything was filled in, and nothing runs a program: module systems read these files often.
    CHECK_THAT(text, !Catch::Contains("@"));
    CHECK_THAT(text, !Catch::Contains("exec") && !Catch::Contains("capture("));
    CHECK_THAT(text, !Catch::Contains("(\"LD_LIBRARY_PATH\"") && !Catch::Contains("-path LD_"));
  }
  CHECK(staged.text("modulefiles/pytorch-2.8-cu128/2.8.0").starts_with("#%Module"));
  CHECK(staged.text("share/envbundle/modulerc") ==
        "#%Module1.0\nmodule-version pytorch-2.8-cu128/2.8.0 default\n");
  CHECK_THAT(staged.text("share/envbundle/spack-packages.yaml"),
             Catch::Contains("  py-torch:\n    externals:\n    - spec: py-torch@1.2\n      prefix: "
                             "@PREFIX@\n"));
  CHECK_THAT(staged.text("share/envbundle/easyconfig.eb"),
             Catch::Contains("name = 'pytorch-2.8-cu128'") &&
                 Catch::Contains("version = '2.8.0'") && Catch::Contains("'env/bin/python'") &&
                 !Catch::Contains("@"));
}

TEST_CASE("what the manifest says about conflicts") {
  Lock lock = sample_lock();
  lock.module_conflicts = {"cuda", "gcc/12"};
  CHECK(module_value(Staged(lock).text("modulefiles/pytorch-2.8-cu128/2.8.0"), "conflicts") ==
        "cuda gcc/12");
  lock.module_conflicts = std::vector<std::string>{};
  CHECK(module_value(Staged(lock).text("modulefiles/pytorch-2.8-cu128/2.8.0.lua"), "conflicts") ==
        "");
}

TEST_CASE("a bundle of files alone") {
  Lock lock;
  lock.manifest_name = "files";
  lock.version = "1 }] $x\"";
  const Staged staged(lock);
  CHECK_THAT(staged.text("modulefiles/files/1-----x-"), Catch::Contains("{Version: 1-----x-}"));
  CHECK(staged.staging.find(RelPath("share/envbundle/spack-packages.yaml")) == nullptr);
}

TEST_CASE("words and variables") {
  CHECK(module_word("2.8.0+cu128") == "2.8.0+cu128");
  CHECK(module_word("") == "0");
  CHECK(module_word(".hidden") == "-hidden");
  CHECK(module_word("a/b c") == "a-b-c");
  CHECK(easybuild_variable("pytorch-2.8-cu128") == "PYTORCHMIN28MINCU128");
  CHECK(easybuild_variable("g++_x") == "GPLUSPLUS_X");
}

}  // namespace
}  // namespace eb
