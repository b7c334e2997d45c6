#include <catch2/catch.hpp>
#include <numeric>

#include "bundler/pack/content_class.hpp"
#include "bundler/pack/pack.hpp"
#include "installer/base/error.hpp"
#include "installer/format/tar_stream.hpp"
#include "sample_tree.hpp"

namespace eb {
namespace {

Entry file(const std::string& path, uint64_t size, bool executable = false) {
  Entry entry{.path = RelPath(path), .digest = {}, .target = {}};
  entry.executable = executable;
  entry.size_bytes = size;
  return entry;
}

uint64_t raw_total(const PackPlan& plan) {
  return std::accumulate(plan.index.frames.begin(), plan.index.frames.end(), uint64_t{0},
                         [](uint64_t sum, const Frame& frame) { return sum + frame.raw_size; });
}

std::vector<uint64_t> frame_sizes(const PackPlan& plan) {
  std::vector<uint64_t> out;
  for (const Frame& frame : plan.index.frames) out.push_back(frame.raw_size);
  return out;
}

TEST_CASE("the class of a file follows from its name") {
  const auto of = [](const char* path, bool executable = false) {
    return content_class(RelPath(path), executable);
  };
  CHECK(of("a/b.py") == ContentClass::kPython);
  CHECK(of("a/b.cpython-311.pyc") == ContentClass::kBytecode);
  CHECK(of("a/libz.so.1.2.13") == ContentClass::kBinary);
  CHECK(of("a/x.cpython-311-x86_64-linux-gnu.so") == ContentClass::kBinary);
  CHECK(of("bin/git", true) == ContentClass::kBinary);
  CHECK(of("x.dist-info/RECORD") == ContentClass::kText);
  CHECK(of("a/style.css") == ContentClass::kText);
  CHECK(of("a/logo.png") == ContentClass::kPacked);
  CHECK(of("zoneinfo/Europe/Paris") == ContentClass::kOther);
  CHECK(of(".hidden") == ContentClass::kOther);
}

TEST_CASE("small files share a frame, one that does not fit begins the next") {
  Tree tree;
  tree.entries = {file("a", 512), file("b", 512), file("c", 512)};
  const PackPlan plan = plan_pack(tree, test::sample_meta(), {.frame_raw_size = 2500});
  // 1024 each (header and content); the end blocks are 1024 more.
  CHECK(frame_sizes(plan) == std::vector<uint64_t>{2048, 2048});
  CHECK(plan.index.entries[2].offset == 2048);
}

TEST_CASE("a large file begins a frame and spans several") {
  Tree tree;
  tree.entries = {file("a", 512), file("b", 5000), file("c", 1)};
  const PackPlan plan = plan_pack(tree, test::sample_meta(), {.frame_raw_size = 2560});
  // b takes 512 + 5120; its rest shares a frame with what follows.
  CHECK(frame_sizes(plan) == std::vector<uint64_t>{1024, 2560, 2560, 512 + 1024 + 1024});
  CHECK(plan.index.entries[1].offset == 1024);
}

TEST_CASE("the plan's frames and offsets are what the format computes") {
  const test::Scratch scratch;
  test::make_sample_tree(scratch / "t");
  const Tree tree = scan_tree(scratch / "t", 1);
  const PackPlan plan = plan_pack(tree, test::sample_meta(), {.frame_raw_size = 65536});
  CHECK(plan.stream == stream_order(plan.index));
  CHECK(raw_total(plan) == totals(plan.index).raw_bytes);
  for (const Frame& frame : plan.index.frames) {
    CHECK(frame.raw_size > 0);
    CHECK(frame.raw_size <= 65536);
  }
}

TEST_CASE("files of one class lie together") {
  Tree tree;
  tree.entries = {file("a.py", 1), file("b.so", 1), file("c.py", 1), file("d.txt", 1)};
  const PackPlan plan = plan_pack(tree, test::sample_meta(), {});
  CHECK(plan.stream == std::vector<uint32_t>{3, 0, 2, 1});
}

TEST_CASE("an empty tree is one frame with the end of the archive") {
  CHECK(frame_sizes(plan_pack({}, test::sample_meta(), {})) == std::vector<uint64_t>{1024});
}

TEST_CASE("a tree that breaks a rule of the format is refused before anything is written") {
  Tree tree;
  tree.entries = {file("a/b", 1)};  // without its directory
  try {
    plan_pack(tree, test::sample_meta(), {});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kConflict);
    CHECK(std::string(error.what()) == "this tree cannot be packed");
  }
}

TEST_CASE("frame sizes that no installer would take are refused") {
  for (const uint64_t size : {uint64_t{0}, uint64_t{(64u << 20) + 1}}) {
    try {
      plan_pack({}, test::sample_meta(), {.frame_raw_size = size});
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kUsage);
    }
  }
}

}  // namespace
}  // namespace eb
