#include "bundler/demand/demand.hpp"

#define CATCH_CONFIG_ENABLE_PAIR_STRINGMAKER  // a difference shows keys and values
#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"
#include "tests/unit/bundler_demand/elf_maker.hpp"
#include "tests/unit/bundler_demand/fatbin_maker.hpp"
#include "tests/unit/bundler_demand/staged_tree.hpp"

using namespace eb;
using namespace eb::test;

namespace {

const std::string kSite = StagedTree::kSite;
const std::string kTorchCuda = kSite + "torch/lib/libtorch_cuda.so";
using Meta = std::map<std::string, std::string>;

std::optional<std::string> bundled_driver(const std::string& cuda) {
  static const Meta kKnown = {{"12.6", "560.35.05"},
                              {"12.8", "570.124.06"},
                              {"13.0", "580.95.05"},
                              {"13.2", "595.58.03"},
                              {"13.2.0", "595.45.04"}};
  const auto found = kKnown.find(cuda);
  return found == kKnown.end() ? std::nullopt : std::optional(found->second);
}

Lock lock_of(const std::string& cuda, const std::string& min_driver = "") {
  Lock lock;
  lock.platform = "linux-x86_64";
  lock.cuda = cuda;
  lock.min_driver = min_driver;
  return lock;
}

Meta demand(const StagedTree& tree, const Lock& lock, EventSink& events, unsigned threads = 1) {
  return demand_meta(tree.get(), lock, "some.lock", bundled_driver, threads, events);
}

Meta demand(const StagedTree& tree, const Lock& lock) {
  NullSink none;
  return demand(tree, lock, none);
}

Error refusal(const StagedTree& tree, const Lock& lock) {
  return thrown_error([&] { demand(tree, lock); });
}

/// A library with a container for each list of architectures.
std::string library_with(const std::vector<std::vector<FatbinEntry>>& containers) {
  std::vector<std::byte> code;
  for (const auto& entries : containers) {
    const auto container = fatbin_container(entries);
    code.insert(code.end(), container.begin(), container.end());
  }
  return elf_with_code(code);
}

/// Torch 2.8.0 for CUDA 12.8 and its runtime, in small.
void add_torch(StagedTree& tree) {
  const std::vector<FatbinEntry> usual = {{.architecture = 70},
                                          {.architecture = 90},
                                          {.architecture = 120},
                                          {.kind = FatbinEntry::kPtx, .architecture = 120}};
  std::vector<FatbinEntry> special = usual;
  special.push_back({.architecture = 89});
  special.push_back({.architecture = 90, .flags = 0x100011});
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90")
      .wheel("nvidia_cudnn_cu12-9.10.2.21")
      .wheel("nvidia_nccl_cu12-2.27.3")
      .wheel("torch-2.8.0")
      .file(kSite + "torch/version.py", "cuda: Optional[str] = '12.8'\n")
      .file(kTorchCuda, library_with({usual, special, usual}))
      .file(kSite + "torch/lib/libtorch_cuda_linalg.so", library_with({{{.architecture = 50}}}))
      .file(kSite + "torch/lib/libtorch_cpu.so", elf_asking_for({{"libc.so.6", "GLIBC_2.28"}}))
      .file(kSite + "nvidia/cublas/lib/libcublas.so.12", library_with({{{.architecture = 75}}}))
      .file("lib/glibc/libm.so.6", elf_asking_for({{"libc.so.6", "GLIBC_2.36"}}))
      .file("share/doc/readme", std::string(100, 'x'));
}

}  // namespace

TEST_CASE("a tree without GPU content demands nothing") {
  StagedTree tree;
  tree.wheel("numpy-2.3.1").file("lib/libm.so", elf_asking_for({{"libc.so.6", "GLIBC_2.17"}}));
  RecordingSink events;
  CHECK(demand(tree, lock_of(""), events).empty());
  CHECK(events.warnings.empty());
  CHECK(events.notes.empty());
}

TEST_CASE("torch with CUDA gives every key") {
  StagedTree tree;
  add_torch(tree);
  tree.file("lib/cuda-compat/libcuda.so.575.57.08");
  RecordingSink events;
  CHECK(demand(tree, lock_of("12.8", "525.60.13"), events) ==
        Meta{{"cuda", "12.8"},
             {"min-driver", "525.60.13"},
             {"recommended-driver", "570.124.06"},
             {"gpu-sass", "7.0 9.0 12.0"},
             {"gpu-ptx", "12.0"},
             {"glibc-needed", "2.28"},
             {"cuda-compat", "575.57.08"}});
  CHECK(events.warnings.empty());
  CHECK(events.notes == std::vector<std::string>{
                            "GPU content: CUDA 12.8, torch 2.8.0, cuDNN 9.10.2.21, NCCL 2.27.3"});
}

TEST_CASE("the number of threads changes nothing") {
  StagedTree tree;
  add_torch(tree);
  for (int i = 0; i < 200; ++i) {
    tree.file("lib/many/" + std::to_string(i),
              elf_asking_for({{"libc.so.6", "GLIBC_2." + std::to_string(i % 30)}}));
  }
  NullSink events;
  const Meta expected = demand(tree, lock_of("12.8"), events, 1);
  CHECK(expected.at("glibc-needed") == "2.29");
  for (const unsigned threads : {2U, 4U, 16U}) {
    CHECK(demand(tree, lock_of("12.8"), events, threads) == expected);
  }
}

TEST_CASE("without torch cuBLAS says what the tree was built for") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90")
      .file("lib/libcublas.so.12",
            library_with({{{.architecture = 80}, {.architecture = 86}}, {{.architecture = 80}}}))
      .file("lib/libcublasLt.so.12", library_with({{{.architecture = 103}}}));
  CHECK(demand(tree, lock_of("12.8")).at("gpu-sass") == "8.0 8.6");
  StagedTree bare;
  bare.wheel("nvidia_cuda_runtime_cu12-12.8.90");
  const Meta meta = demand(bare, lock_of("12.8"));
  CHECK_FALSE(meta.contains("gpu-sass"));
  CHECK_FALSE(meta.contains("gpu-ptx"));
}

TEST_CASE("a torch that is split into several libraries is read in all of them") {
  StagedTree tree;
  tree.file(kTorchCuda, make_elf({}))
      .file(kSite + "torch/lib/libtorch_cuda_cu.so",
            library_with({{{.architecture = 80}}, {{.architecture = 80}}}))
      .file(kSite + "torch/lib/libtorch_cuda_cpp.so",
            library_with({{{.architecture = 80}, {.architecture = 61}}}));
  CHECK(demand(tree, lock_of("12.8")).at("gpu-sass") == "8.0");
}

TEST_CASE("code without a common architecture is named as it is, PTX only if it is everywhere") {
  StagedTree tree;
  tree.file(kTorchCuda, library_with({{{.architecture = 80}},
                                      {{.architecture = 86}},
                                      {{.architecture = 90, .flags = 0x100011},
                                       {.kind = FatbinEntry::kPtx, .architecture = 90}}}));
  const Meta meta = demand(tree, lock_of("12.8"));
  CHECK(meta.at("gpu-sass") == "8.0 8.6 9.0a");
  CHECK_FALSE(meta.contains("gpu-ptx"));
}

TEST_CASE("a build for one architecture keeps its suffix") {
  StagedTree tree;
  tree.file(kTorchCuda, library_with({{{.architecture = 90, .flags = 0x100011},
                                       {.architecture = 100, .flags = 0x1200011}}}));
  CHECK(demand(tree, lock_of("12.8")).at("gpu-sass") == "9.0a 10.0f");
}

TEST_CASE("GPU code that cannot be read is reported") {
  StagedTree tree;
  tree.file(kTorchCuda, elf_with_code(as_bytes("this is no container, at all")));
  RecordingSink events;
  CHECK_FALSE(demand(tree, lock_of("12.8"), events).contains("gpu-sass"));
  CHECK(events.warnings ==
        std::vector<std::string>{kTorchCuda + ": 28 bytes of its GPU code could not be read"});
}

TEST_CASE("a lock that declares another CUDA than the runtime's is refused") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.6.77");
  const Error error = refusal(tree, lock_of("12.8"));
  CHECK(render_error("envbundle", error) ==
        "envbundle: error: the release holds CUDA 12.6, the lock declares 12.8\n"
        "  where: some.lock, gpu.cuda\n"
        "  why:   lib/python3.11/site-packages/nvidia_cuda_runtime_cu12-12.6.77.dist-info/METADATA "
        "says 12.6\n"
        "  hint:  write cuda = \"12.6\" into the manifest's [gpu] and lock again, or ask for "
        "packages that are built for CUDA 12.8\n");
  CHECK(error.code() == ExitCode::kInvalidLock);
}

TEST_CASE("a lock that declares another CUDA than torch's is refused") {
  StagedTree tree;
  add_torch(tree);
  const Error error = refusal(tree, lock_of("12.6"));
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == "torch is built for CUDA 12.8, the lock declares 12.6");
  CHECK(error.why() == kSite + "torch/version.py says 12.8");
}

TEST_CASE("of a runtime with nothing but a soname the major version must agree") {
  StagedTree tree;
  tree.file("lib/libcudart.so.12");
  CHECK(demand(tree, lock_of("12.8")).at("cuda") == "12.8");
  const Error error = refusal(tree, lock_of("13.0"));
  CHECK(std::string(error.what()) == "the release holds CUDA 12, the lock declares 13.0");
}

TEST_CASE("a second runtime beside the declared one is a warning") {
  StagedTree tree;
  tree.file("lib/a/libcudart.so.12.8.90").file("lib/b/libcudart.so.13.0.96");
  RecordingSink events;
  CHECK(demand(tree, lock_of("12.8"), events).at("recommended-driver") == "570.124.06");
  CHECK(events.warnings ==
        std::vector<std::string>{"the release holds CUDA 13.0 beside 12.8 "
                                 "(lib/b/libcudart.so.13.0.96); its demands do not count"});
}

TEST_CASE("a lock that declares nothing gets the tree's CUDA, with a warning") {
  StagedTree tree;
  tree.file("lib/a/libcudart.so.12.8.90").file("lib/b/libcudart.so.13.0.96");
  RecordingSink events;
  CHECK(demand(tree, lock_of(""), events) ==
        Meta{{"cuda", "13.0"}, {"min-driver", "580"}, {"recommended-driver", "580.95.05"}});
  CHECK(events.warnings ==
        std::vector<std::string>{"the lock declares no CUDA, the release holds CUDA 13.0: it is "
                                 "installed with a check of the driver"});
  // What torch was built for weighs more than any library.
  tree.file(kSite + "torch/version.py", "cuda = '12.8'\n");
  CHECK(demand(tree, lock_of("")).at("cuda") == "12.8");
}

TEST_CASE("GPU content of an unknown version gives what is known") {
  StagedTree tree;
  tree.file("lib/libcublas.so.12", library_with({{{.architecture = 80}}}));
  RecordingSink events;
  CHECK(demand(tree, lock_of(""), events) == Meta{{"gpu-sass", "8.0"}});
  CHECK(events.warnings ==
        std::vector<std::string>{"the lock declares no CUDA, the release holds some of it: it is "
                                 "installed with a check of the driver"});
}

TEST_CASE("a declared CUDA that is not in the tree is a warning, the declaration stays") {
  StagedTree tree;
  tree.wheel("numpy-2.3.1");
  RecordingSink events;
  CHECK(demand(tree, lock_of("12.8"), events) ==
        Meta{{"cuda", "12.8"}, {"min-driver", "525.60.13"}, {"recommended-driver", "570.124.06"}});
  CHECK(events.warnings ==
        std::vector<std::string>{"the lock declares CUDA 12.8, the release holds nothing of it"});
}

TEST_CASE("a driver below the floor is refused, unless the compatibility libraries help") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90");
  CHECK(demand(tree, lock_of("12.8", "525.60.13")).at("min-driver") == "525.60.13");
  const Error error = refusal(tree, lock_of("12.8", "525.60.2"));
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == "driver 525.60.2 cannot run CUDA 12.8 of the release");
  CHECK(error.where() == "some.lock, gpu.min-driver");
  CHECK(error.why() == "CUDA 12.x needs 525.60.13 or newer");
  CHECK(error.hints().size() == 2);
  tree.file("lib/cuda-compat/libcuda.so.575.57.08");
  CHECK(demand(tree, lock_of("12.8", "470.57.02")).at("min-driver") == "470.57.02");
}

TEST_CASE("a driver that is no version is refused") {
  StagedTree tree;
  tree.file("lib/cuda-compat/libcuda.so.575.57.08");
  CHECK(refusal(tree, lock_of("12.8", "new")).code() == ExitCode::kInvalidLock);
}

TEST_CASE("without a declared driver the floor of the CUDA version counts, if it is known") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime-13.0.96");
  CHECK(demand(tree, lock_of("13.0")).at("min-driver") == "580");
  StagedTree future;
  future.file("lib/libcudart.so.14.1.5");
  CHECK(demand(future, lock_of("14.1")) == Meta{{"cuda", "14.1"}});
  CHECK(demand(future, lock_of("14.1", "700")).at("min-driver") == "700");
}

TEST_CASE("the recommended driver is that of the very release, else of the minor version") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime-13.2.51").wheel("cuda_toolkit-13.2.0");
  CHECK(demand(tree, lock_of("13.2")).at("recommended-driver") == "595.45.04");
  StagedTree newer;
  newer.wheel("nvidia_cuda_runtime-13.2.99").wheel("cuda_toolkit-13.2.7");
  CHECK(demand(newer, lock_of("13.2")).at("recommended-driver") == "595.58.03");
}

TEST_CASE("a manifest that asks for a newer driver than the toolkit's gets it") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90");
  const Meta meta = demand(tree, lock_of("12.8", "580.65.06"));
  CHECK(meta.at("min-driver") == "580.65.06");
  CHECK(meta.at("recommended-driver") == "580.65.06");
}

TEST_CASE("glibc counts for files of the platform's machine outside lib/glibc") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90")
      .file("lib/a.so", elf_asking_for({{"libc.so.6", "GLIBC_2.17"}}))
      .file("lib/arm.so", elf_asking_for({{"libc.so.6", "GLIBC_2.34"}}, EM_AARCH64))
      .file("lib/glibc/libc.so.6", elf_asking_for({{"ld-linux.so.2", "GLIBC_2.39"}}))
      .symlink("lib/b.so", "a.so");
  CHECK(demand(tree, lock_of("12.8")).at("glibc-needed") == "2.17");
  Lock lock = lock_of("12.8");
  lock.platform = "linux-aarch64";
  CHECK(demand(tree, lock).at("glibc-needed") == "2.34");
}

TEST_CASE("compatibility libraries without a version are left out, with a warning") {
  StagedTree tree;
  tree.file("lib/cuda-compat/libcuda.so.1");
  RecordingSink events;
  CHECK_FALSE(demand(tree, lock_of("12.8"), events).contains("cuda-compat"));
  CHECK(events.warnings == std::vector<std::string>{"lib/cuda-compat: no libcuda.so names its "
                                                    "version; it will not be used"});
}

TEST_CASE("nothing is written into the tree") {
  StagedTree tree;
  add_torch(tree);
  std::vector<std::filesystem::path> before;
  std::vector<std::filesystem::path> after;
  const auto list = [&](auto& out) {
    for (const auto& each : std::filesystem::recursive_directory_iterator(tree.get().root())) {
      out.push_back(each.path());
    }
    std::sort(out.begin(), out.end());
  };
  list(before);
  demand(tree, lock_of("12.8"));
  list(after);
  CHECK(before == after);
}
