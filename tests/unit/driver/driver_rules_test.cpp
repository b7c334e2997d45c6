#include "installer/driver/driver_rules.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

TEST_CASE("the tables cover CUDA 11.0 to 13.3") {
  const RuleTables& tables = rule_tables();
  CHECK(tables.toolkits.size() == 54);
  CHECK(std::string(tables.toolkits.front().cuda) == "11.0.2");
  CHECK(std::string(tables.toolkits.back().cuda) == "13.3.0");
  CHECK(tables.branches.front().branch == 450);
  CHECK(tables.branches.back().branch == 615);
  for (const ToolkitRule& rule : tables.toolkits) {
    INFO(rule.cuda);
    CHECK(is_driver_version(rule.driver));
    const auto needs = needs_of_toolkit(rule.cuda);
    REQUIRE(needs);
    CHECK(needs->is_known);
    CHECK(needs->floor == rule.floor);
    CHECK(needs->recommended == rule.driver);
    // The two tables agree: the driver of a toolkit has that toolkit's CUDA.
    const DriverCuda own = cuda_of_driver(rule.driver);
    CHECK(!own.is_at_least);
    CHECK(std::string(rule.cuda).starts_with(own.version + "."));
  }
}

TEST_CASE("needs of a toolkit by its minor version") {
  struct Row {
    const char* cuda;
    const char* floor;
    const char* recommended;
    bool is_known;
  };
  for (const Row& row :
       {Row{"11.0", "450.36.06", "450.51.05", true}, Row{"11.8", "450.80.02", "520.61.05", true},
        Row{"12.0", "525.60.13", "525.60.13", true}, Row{"12.8", "525.60.13", "570.86.10", true},
        Row{"12.8.1", "525.60.13", "570.124.06", true},
        Row{"12.7", "525.60.13", "", false},  // no such toolkit, floor of 12
        Row{"12.8.9", "525.60.13", "", false}, Row{"13.0", "580", "580.65.06", true},
        Row{"13.3", "580", "610.43.02", true}, Row{"13.9", "580", "", false}}) {
    INFO(row.cuda);
    const auto needs = needs_of_toolkit(row.cuda);
    REQUIRE(needs);
    CHECK(needs->floor == row.floor);
    CHECK(needs->recommended == row.recommended);
    CHECK(needs->is_known == row.is_known);
  }
  for (const char* cuda : {"", "10.2", "14.0", "9", "x"}) CHECK(!needs_of_toolkit(cuda));
}

TEST_CASE("CUDA of a driver, listed or not") {
  CHECK(cuda_of_driver("470.82.01").version == "11.4");
  CHECK(!cuda_of_driver("470.82.01").is_at_least);
  CHECK(cuda_of_driver("565.57.01").version == "12.7");
  CHECK(cuda_of_driver("540.4.0").version == "12.2");  // between two branches
  CHECK(cuda_of_driver("540.4.0").is_at_least);
  CHECK(cuda_of_driver("999.1").version == "13.4");
  CHECK(cuda_of_driver("999.1").is_at_least);
  CHECK(cuda_of_driver("440.33.01").version.empty());
  CHECK(cuda_of_driver("").version.empty());
}

TEST_CASE("the newest CUDA that a driver runs at all") {
  CHECK(newest_cuda_major_for("418.67") == 0);
  CHECK(newest_cuda_major_for("450.80.02") == 11);
  CHECK(newest_cuda_major_for("525.60.11") == 11);
  CHECK(newest_cuda_major_for("525.60.13") == 12);
  CHECK(newest_cuda_major_for("579.99") == 12);
  CHECK(newest_cuda_major_for("580.65.06") == 13);
  CHECK(newest_cuda_major_for("700.1") == 13);
}

TEST_CASE("driver versions and what only looks like one") {
  for (const char* good : {"384.81", "550.54", "540.4.0", "525.60.13", "1000.1.2"}) {
    CHECK(is_driver_version(good));
  }
  for (const char* bad : {"", "12.3", "99.1.2", "x86_64", "550", "550.", "550.54.1.2", ".550.1",
                          "550.54-1", "550.54.15\n", "5500"}) {
    INFO(bad);
    CHECK(!is_driver_version(bad));
  }
}

TEST_CASE("where a forward-compatibility library works") {
  // The note of 575.57.08 lists 535, 550, 560, 565, 570 and 575.
  CHECK(compat_works_on("575.57.08", "535.129.03") == CompatAnswer::kYes);
  CHECK(compat_works_on("575.57.08", "575.51.03") == CompatAnswer::kYes);  // an older 575
  CHECK(compat_works_on("575.57.08", "575.57.08") == CompatAnswer::kNo);   // not newer
  CHECK(compat_works_on("575.57.08", "470.82.01") == CompatAnswer::kNo);
  CHECK(compat_works_on("575.57.08", "545.23.08") == CompatAnswer::kNo);
  CHECK(compat_works_on("575.57.08", "580.65.06") == CompatAnswer::kNo);
  CHECK(compat_works_on("570.124.06", "470.82.01") == CompatAnswer::kYes);
  CHECK(compat_works_on("590.44.01", "580.65.06") == CompatAnswer::kYes);
  // No row for it: NVIDIA's rule without a note.
  CHECK(compat_works_on("610.43.02", "535.129.03") == CompatAnswer::kUnlisted);
  CHECK(compat_works_on("610.43.02", "610.10") == CompatAnswer::kNo);
  CHECK(compat_works_on("610.43.02", "700.10") == CompatAnswer::kNo);
  CHECK(compat_works_on("", "535.129.03") == CompatAnswer::kNo);
  CHECK(compat_works_on("575.57.08", "") == CompatAnswer::kNo);
  CHECK(refuses_compat("NVIDIA GeForce RTX 3090"));
  CHECK(refuses_compat("NVIDIA TITAN RTX"));
  CHECK(!refuses_compat("NVIDIA A100-SXM4-80GB"));
  CHECK(!refuses_compat("NVIDIA RTX A6000"));
  CHECK(!refuses_compat(""));
}

std::string torch_for(const char* driver, const char* gpu) {
  const TorchBuild* build =
      newest_torch_for(driver, *gpu == '\0' ? std::nullopt : Capability::parse(gpu));
  return build == nullptr ? "none" : torch_build_text(*build);
}

TEST_CASE("which PyTorch build fits a driver and a GPU") {
  CHECK(torch_for("470.82.01", "8.0") == "PyTorch 2.7.1 with CUDA 11.8 (cu118)");
  CHECK(torch_for("470.82.01", "") == "PyTorch 2.7.1 with CUDA 11.8 (cu118)");
  CHECK(torch_for("535.129.03", "8.0") == "PyTorch 2.13 with CUDA 12.6 (cu126)");
  CHECK(torch_for("570.124.06", "12.0") == "PyTorch 2.11.0 with CUDA 12.8 (cu128)");
  CHECK(torch_for("580.65.06", "12.0") == "PyTorch 2.13 with CUDA 13.2 (cu132)");
  CHECK(torch_for("580.65.06", "7.0") == "PyTorch 2.13 with CUDA 12.6 (cu126)");
  CHECK(torch_for("580.65.06", "6.1") == "PyTorch 2.13 with CUDA 12.6 (cu126)");
  CHECK(torch_for("580.65.06", "12.1") == "PyTorch 2.13 with CUDA 13.2 (cu132)");
  CHECK(torch_for("470.82.01", "12.0") == "none");
  CHECK(torch_for("418.67", "7.0") == "none");
  CHECK(torch_for("", "3.7") == "none");
  CHECK(torch_for("", "10.3") == "PyTorch 2.13 with CUDA 13.2 (cu132)");
}

TEST_CASE("GPUs by PCI id and by name") {
  struct Row {
    uint16_t device;
    const char* capability;
    const char* generation;
  };
  for (const Row& row : {Row{0x102d, "3.7", "Kepler"},     Row{0x13f2, "5.2", "Maxwell"},
                         Row{0x17fd, "5.2", "Maxwell"},    Row{0x15f8, "6.0", "Pascal"},
                         Row{0x1b06, "6.1", "Pascal"},     Row{0x1d01, "6.1", "Pascal"},
                         Row{0x1db4, "7.0", "Volta"},      Row{0x1eb8, "7.5", "Turing"},
                         Row{0x2182, "7.5", "Turing"},     Row{0x20b2, "8.0", "Ampere"},
                         Row{0x20f1, "8.0", "Ampere"},     Row{0x20b7, "8.0", "Ampere"},
                         Row{0x2204, "8.6", "Ampere"},     Row{0x2235, "8.6", "Ampere"},
                         Row{0x2236, "8.6", "Ampere"},     Row{0x25b6, "8.6", "Ampere"},
                         Row{0x2684, "8.9", "Ada"},        Row{0x26b9, "8.9", "Ada"},
                         Row{0x27b8, "8.9", "Ada"},        Row{0x2330, "9.0", "Hopper"},
                         Row{0x2335, "9.0", "Hopper"},     Row{0x2342, "9.0", "Hopper"},
                         Row{0x2901, "10.0", "Blackwell"}, Row{0x2941, "10.0", "Blackwell"},
                         Row{0x3182, "10.3", "Blackwell"}, Row{0x31c2, "10.3", "Blackwell"},
                         Row{0x2b85, "12.0", "Blackwell"}, Row{0x2bb5, "12.0", "Blackwell"},
                         Row{0x2c02, "12.0", "Blackwell"}, Row{0x2d04, "12.0", "Blackwell"},
                         Row{0x2f04, "12.0", "Blackwell"}, Row{0x2e12, "12.1", "Blackwell"}}) {
    INFO(row.device);
    const auto kind = kind_of_pci_id(row.device);
    REQUIRE(kind);
    CHECK(kind->capability.str() == row.capability);
    CHECK(kind->generation == row.generation);
  }
  // NVSwitch, sound, Jetson Thor, and ids that nobody has.
  for (const uint16_t device : {0x22a3, 0x228b, 0x2b00, 0x0000, 0x9999, 0xffff, 0x3340}) {
    CHECK(!kind_of_pci_id(device));
  }
  CHECK(kind_of_name("NVIDIA A100-SXM4-80GB")->capability.str() == "8.0");
  CHECK(kind_of_name("Tesla P100-PCIE-16GB")->capability.str() == "6.0");
  CHECK(kind_of_name("NVIDIA GB10")->capability.str() == "12.1");
  CHECK(kind_of_name("NVIDIA L40S")->capability.str() == "8.9");
  CHECK(!kind_of_name("NVIDIA RTX A2000"));  // not an A2
  CHECK(!kind_of_name("NVIDIA Graphics Device"));
  CHECK(!kind_of_name(""));
}

TEST_CASE("capabilities are parsed strictly") {
  CHECK(Capability::parse("9.0a")->str() == "9.0a");
  CHECK(Capability::parse("12.1f")->suffix == 'f');
  for (const char* bad :
       {"", "9", "9.", ".0", "9.00", "123.4", "9.0b", "9.0aa", "a", "9,0", "-9.0", " 9.0"}) {
    INFO(bad);
    CHECK(!Capability::parse(bad));
  }
  CHECK(capabilities_text(*parse_capabilities("7.0  7.5 12.0")) == "7.0 7.5 12.0");
  CHECK(parse_capabilities("")->empty());
  CHECK(!parse_capabilities("7.0 x"));
  CHECK(!parse_capabilities("7.0,7.5"));
}

TEST_CASE("code runs on later minors of its major version, suffixes on their own alone") {
  const auto runs = [](const char* code, const char* gpu) {
    return code_runs_on(*Capability::parse(code), *Capability::parse(gpu));
  };
  CHECK(runs("8.6", "8.9"));
  CHECK(runs("8.0", "8.6"));
  CHECK(runs("12.0", "12.1"));
  CHECK(!runs("8.9", "8.6"));
  CHECK(!runs("8.6", "9.0"));
  CHECK(!runs("9.0", "10.0"));
  CHECK(runs("9.0a", "9.0"));
  CHECK(!runs("10.0a", "10.3"));
  CHECK(!runs("10.0f", "10.3"));
  const auto compiles = [](const char* code, const char* gpu) {
    return ptx_runs_on(*Capability::parse(code), *Capability::parse(gpu));
  };
  CHECK(compiles("9.0", "12.0"));
  CHECK(compiles("9.0", "9.0"));
  CHECK(!compiles("9.0", "8.9"));
  CHECK(!compiles("9.0a", "10.0"));
  CHECK(compiles("9.0a", "9.0"));
}

}  // namespace
}  // namespace eb
