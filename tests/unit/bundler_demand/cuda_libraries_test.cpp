#include "bundler/demand/cuda_libraries.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/bundler_demand/staged_tree.hpp"

using namespace eb;
using namespace eb::test;

namespace {

const std::string kSite = StagedTree::kSite;

std::vector<std::string> versions(const std::vector<FoundVersion>& found) {
  std::vector<std::string> out;
  for (const FoundVersion& each : found) out.push_back(each.version);
  return out;
}

std::string version(const std::optional<FoundVersion>& found) {
  return found ? found->version : "none";
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("a tree without CUDA has no GPU content") {
  StagedTree tree;
  tree.wheel("torch-2.8.0+cpu")
      .wheel("numpy-2.3.1")
      .file(kSite + "torch/version.py", "__version__ = '2.8.0+cpu'\ncuda: Optional[str] = None\n")
      .file(kSite + "torch/lib/libtorch_cpu.so")
      .file("lib/libcudartoon.so.2")
      .file("bin/python3.11");
  const CudaLibraries found = find_cuda_libraries(tree.get());
  CHECK_FALSE(found.has_gpu_content());
  CHECK(version(found.torch) == "2.8.0");
  CHECK_FALSE(found.torch_cuda);
}

TEST_CASE("wheels of CUDA 12 name their versions in their dist-info") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime_cu12-12.8.90")
      .wheel("nvidia_cudnn_cu12-9.10.2.21")
      .wheel("nvidia_nccl_cu12-2.27.3")
      .wheel("torch-2.8.0+cu128")
      .file(kSite + "nvidia/cuda_runtime/lib/libcudart.so.12")
      .file(kSite + "nvidia/cudnn/lib/libcudnn.so.9")
      .file(kSite + "nvidia/nccl/lib/libnccl.so.2")
      .file(kSite + "torch/version.py",
            "from typing import Optional\n\n__version__ = '2.8.0+cu128'\ndebug = False\n"
            "cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n");
  const CudaLibraries found = find_cuda_libraries(tree.get());
  CHECK(versions(found.runtimes) == List{"12.8"});
  CHECK(found.runtimes.front().path ==
        kSite + "nvidia_cuda_runtime_cu12-12.8.90.dist-info/METADATA");
  CHECK(version(found.cudnn) == "9.10.2.21");
  CHECK(version(found.nccl) == "2.27.3");
  CHECK(version(found.torch) == "2.8.0");
  CHECK(version(found.torch_cuda) == "12.8");
  CHECK_FALSE(found.toolkit);
  CHECK(found.has_gpu_content());
}

TEST_CASE("wheels of CUDA 13 have no suffix, and the toolkit's wheel names the release") {
  StagedTree tree;
  tree.wheel("nvidia_cuda_runtime-13.2.75")
      .wheel("cuda_toolkit-13.2.1")
      .wheel("nvidia_cudnn_cu13-9.20.0.48")
      .wheel("nvidia_cuda_runtime_tools-1.0")
      .file(kSite + "nvidia/cu13/lib/libcudart.so.13");
  const CudaLibraries found = find_cuda_libraries(tree.get());
  CHECK(versions(found.runtimes) == List{"13.2"});
  CHECK(version(found.toolkit) == "13.2.1");
  CHECK(version(found.cudnn) == "9.20.0.48");
}

TEST_CASE("libraries of an archive name their versions themselves") {
  StagedTree tree;
  tree.file("lib/cuda/libcudart.so.12.6.77")
      .symlink("lib/cuda/libcudart.so.12", "libcudart.so.12.6.77")
      .file("lib/cuda/libcudnn.so.9.10.2")
      .file("lib/cuda/libcudnn_ops.so.9.10.2")
      .file("lib/cuda/libnccl.so.2.27.3");
  const CudaLibraries found = find_cuda_libraries(tree.get());
  CHECK(versions(found.runtimes) == List{"12.6"});
  CHECK(found.runtimes.front().path == "lib/cuda/libcudart.so.12.6.77");
  CHECK(version(found.cudnn) == "9.10.2");
  CHECK(version(found.nccl) == "2.27.3");
}

TEST_CASE("a soname alone gives the major version, unless something says more") {
  StagedTree tree;
  tree.file("lib/libcudart.so.12").file("lib/libcudart.so.13");
  CHECK(versions(find_cuda_libraries(tree.get()).runtimes) == List{"12", "13"});
  tree.file("lib/other/libcudart.so.12.8.90").file("lib/more/libcudart.so.12.6.77");
  CHECK(versions(find_cuda_libraries(tree.get()).runtimes) == List{"12.6", "12.8", "13"});
}

TEST_CASE("a copy that a package carries for itself does not count") {
  StagedTree tree;
  tree.file(kSite + "video.libs/libcudart-1a2b3c4d.so.11.8.89");
  CHECK_FALSE(find_cuda_libraries(tree.get()).has_gpu_content());
}

TEST_CASE("older torch says its CUDA in another form") {
  StagedTree tree;
  tree.file(kSite + "torch/version.py", "__version__ = '2.2.0'\ncuda = '12.1'\nhip = None\n");
  CHECK(version(find_cuda_libraries(tree.get()).torch_cuda) == "12.1");
  StagedTree strange;
  strange.file(kSite + "torch/version.py", "cuda_home = '12.1'\ncuda: str\ncuda = what\n");
  CHECK_FALSE(find_cuda_libraries(strange.get()).torch_cuda);
}

TEST_CASE("another package's version file says nothing of torch") {
  StagedTree tree;
  tree.file(kSite + "mytorch/version.py", "cuda = '12.1'\n")
      .file(kSite + "torch/cuda/version.py", "cuda = '12.2'\n");
  CHECK_FALSE(find_cuda_libraries(tree.get()).torch_cuda);
}

TEST_CASE("the forward-compatibility libraries have a driver's version") {
  StagedTree tree;
  tree.file("lib/cuda-compat/libcuda.so.575.57.08")
      .symlink("lib/cuda-compat/libcuda.so.1", "libcuda.so.575.57.08")
      .file("lib/cuda-compat/libnvidia-ptxjitcompiler.so.575.57.08");
  const CudaLibraries found = find_cuda_libraries(tree.get());
  CHECK(found.has_compat);
  CHECK(version(found.compat) == "575.57.08");
  CHECK(found.has_gpu_content());

  StagedTree nameless;
  nameless.file("lib/cuda-compat/libcuda.so.1");
  CHECK(find_cuda_libraries(nameless.get()).has_compat);
  CHECK_FALSE(find_cuda_libraries(nameless.get()).compat);

  StagedTree elsewhere;
  elsewhere.file("lib/libcuda.so.575.57.08");
  CHECK_FALSE(find_cuda_libraries(elsewhere.get()).has_compat);
}

TEST_CASE("torch's main library comes first, then what it may be split into, then cuBLAS") {
  StagedTree tree;
  tree.file(kSite + "nvidia/cublas/lib/libcublas.so.12")
      .file(kSite + "nvidia/cublas/lib/libcublasLt.so.12")
      .file(kSite + "torch/lib/libtorch_cuda_linalg.so")
      .file(kSite + "torch/lib/libtorch_cuda.so")
      .file(kSite + "torch/lib/libtorch_cpu.so");
  const auto groups = find_cuda_libraries(tree.get()).code_groups;
  REQUIRE(groups.size() == 3);
  CHECK(groups[0] == std::vector{RelPath(kSite + "torch/lib/libtorch_cuda.so")});
  CHECK(groups[1] == std::vector{RelPath(kSite + "torch/lib/libtorch_cuda_linalg.so")});
  CHECK(groups[2] == std::vector{RelPath(kSite + "nvidia/cublas/lib/libcublas.so.12")});
}
