#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "installer/driver/driver_probe.hpp"
#include "installer/driver/gpu_demand.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb {
namespace {

using namespace test;

TEST_CASE("version lines as drivers write them") {
  struct Row {
    const char* text;
    const char* version;
    ModuleFlavour flavour;
  };
  for (const Row& row :
       {Row{"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC "
            "2023\n"
            "GCC version:  collect2: error: ld returned 1 exit status\n",
            "535.129.03", ModuleFlavour::kProprietary},
        Row{"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.144.03  Release Build  "
            "(dvs-builder@U16-I3-D08-1-2)  Mon Dec 30 17:26:13 UTC 2024\n",
            "550.144.03", ModuleFlavour::kOpen},
        Row{"NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build",
            "540.4.0", ModuleFlavour::kOpen},
        Row{"NVRM version: NVIDIA UNIX x86_64 Kernel Module 384.81 Wed Aug 17 22:24:07 PDT 2016",
            "384.81", ModuleFlavour::kProprietary},
        Row{"NVRM version: NVIDIA UNIX x86 Kernel Module  169.12  Thu Feb 14 17:53:07 PST 2008",
            "169.12", ModuleFlavour::kProprietary},
        Row{"NVRM version: something new", "", ModuleFlavour::kUnknown},
        Row{"NVRM version: none\nGCC version: 550.54.15", "", ModuleFlavour::kUnknown}}) {
    INFO(row.text);
    const auto line = parse_nvrm_line(row.text);
    REQUIRE(line);
    CHECK(line->version == row.version);
    CHECK(line->flavour == row.flavour);
  }
  CHECK(!parse_nvrm_line(""));
  CHECK(!parse_nvrm_line("GCC version: 550.54.15"));
  CHECK(!parse_nvrm_line("\nNVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15"));
}

TEST_CASE("fields of a GPU's file, old and new") {
  Gpu gpu;
  apply_gpu_information(
      "Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-9221d5d1\nDevice Minor: \t 5\n"
      "GPU Firmware: \t 535.129.03\nGPU Excluded:\t No\n",
      &gpu);
  CHECK(gpu.name == "NVIDIA H100 80GB HBM3");
  CHECK(gpu.uuid == "GPU-9221d5d1");
  CHECK(gpu.minor_number == 5u);
  CHECK(gpu.firmware == "535.129.03");
  CHECK(!gpu.is_excluded);
  Gpu old;
  apply_gpu_information(
      "Model: \t\t Unknown\nGPU UUID: \t GPU-????????\n"
      "GPU Firmware: \t N/A\nDevice Minor: \t x\nBlacklisted:\t Yes\nno colon\n:\n",
      &old);
  CHECK(old.name.empty());
  CHECK(old.uuid.empty());
  CHECK(old.firmware.empty());
  CHECK(!old.minor_number);
  CHECK(old.is_excluded);
}

TEST_CASE("PCI addresses with short, long and cut domains") {
  CHECK(is_same_pci_address("0000:3b:00.0", "00000000:3B:00.0"));
  CHECK(is_same_pci_address("03f8cfdd:00:00.0", "cfdd:00:00.0"));
  CHECK(!is_same_pci_address("0000:3b:00.0", "0001:3b:00.0"));
  CHECK(!is_same_pci_address("0000:3b:00.0", "0000:3b:00.1"));
  CHECK(!is_same_pci_address("", "0000:3b:00.0"));
  CHECK(!is_same_pci_address("xyz:00:00.0", "0000:00:00.0"));
}

TEST_CASE("CUDA_VISIBLE_DEVICES as CUDA reads it") {
  CHECK(!parse_visible_devices(std::nullopt).is_set);
  CHECK(!parse_visible_devices(std::nullopt).hides_all());
  for (const char* none : {"", "-1", "NoDevFiles", " ", ",0", "-1,0", "x,1"}) {
    INFO(none);
    CHECK(parse_visible_devices(std::string(none)).hides_all());
  }
  CHECK(parse_visible_devices("0,2, 3").ordinals == std::vector<unsigned>{0, 2, 3});
  CHECK(parse_visible_devices("0,-1,1").ordinals == std::vector<unsigned>{0});
  CHECK(parse_visible_devices("1,").ordinals == std::vector<unsigned>{1});
  CHECK(parse_visible_devices("GPU-8932f937,MIG-5c89852c").uuids ==
        std::vector<std::string>{"GPU-8932f937", "MIG-5c89852c"});
  CHECK(parse_visible_devices("99999999999999999999").hides_all());
}

TEST_CASE("links stay below the root, loops end") {
  const TempDir dir;
  const std::string root = dir.path().string();
  std::filesystem::create_directories(root + "/a/b");
  std::ofstream(root + "/a/b/file") << "inside\n";
  std::filesystem::create_symlink("/a/b/file", root + "/absolute");
  std::filesystem::create_symlink("../../../../../../a/b/file", root + "/a/up");
  std::filesystem::create_symlink("loop2", root + "/loop1");
  std::filesystem::create_symlink("loop1", root + "/loop2");
  std::filesystem::create_symlink("/etc/passwd", root + "/outside");
  std::filesystem::create_symlink(".", root + "/self");
  const HostFiles files(real_sys(), root);
  CHECK(files.first_line("/absolute") == "inside");
  CHECK(files.real_path("/a/up") == "/a/b/file");
  CHECK(files.real_path("/self/self/a/./b/../b/file") == "/a/b/file");
  CHECK(!files.real_path("/loop1"));
  CHECK(!files.read("/loop1"));
  CHECK(!files.read("/outside"));  // there is no /etc/passwd below the root
  CHECK(!files.read("/a"));
  CHECK(!files.read("/nowhere"));
  CHECK(files.read("/a/b/file", 3) == "ins");
  CHECK(files.names("/a") == std::vector<std::string>{"b", "up"});
  CHECK(files.names("/nowhere").empty());
  CHECK(files.access_error("/nowhere", 4) == ENOENT);
}

TEST_CASE("what a bundle asks for is parsed strictly") {
  const GpuDemand demand = gpu_demand({{"cuda", "12.8"},
                                       {"min-driver", "525.60.13"},
                                       {"recommended-driver", "570.124.06"},
                                       {"gpu-sass", "7.0 7.5 9.0a"},
                                       {"gpu-ptx", "12.0"},
                                       {"glibc-needed", "2.28"},
                                       {"glibc", "2.36"},
                                       {"cuda-compat", "575.57.08"},
                                       {"unknown", "x"}});
  CHECK(demand.cuda == "12.8");
  CHECK(demand.min_driver == "525.60.13");
  CHECK(demand.recommended_driver == "570.124.06");
  CHECK(capabilities_text(demand.sass) == "7.0 7.5 9.0a");
  CHECK(capabilities_text(demand.ptx) == "12.0");
  CHECK(demand.glibc_needed == "2.28");
  CHECK(demand.glibc == "2.36");
  CHECK(demand.cuda_compat == "575.57.08");
  CHECK(demand.needs_gpu());
  CHECK(gpu_demand({{"min-driver", "580"}}).min_driver == "580");
  const GpuDemand bad = gpu_demand({{"cuda", "twelve"},
                                    {"min-driver", "525.60.13-1"},
                                    {"recommended-driver", "1.2.3.4"},
                                    {"gpu-sass", "7.0 x"},
                                    {"gpu-ptx", "12"},
                                    {"glibc-needed", "2"},
                                    {"cuda-compat", "12.8"}});
  CHECK(!bad.needs_gpu());
  CHECK(bad.recommended_driver.empty());
  CHECK(bad.sass.empty());
  CHECK(bad.ptx.empty());
  CHECK(bad.glibc_needed.empty());
  CHECK(bad.cuda_compat.empty());
  CHECK(!gpu_demand({}).needs_gpu());
}

}  // namespace
}  // namespace eb
