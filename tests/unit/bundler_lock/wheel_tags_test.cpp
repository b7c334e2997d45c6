#include "bundler/lock/wheel_tags.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

std::optional<size_t> rank(const WheelTags& tags, const std::string& file) {
  return tags.rank(parse_wheel_name(file));
}

TEST_CASE("tags of a target, best first") {
  const WheelTags tags("3.11.2", "linux-x86_64", "2.36");
  CHECK(tags.tags().front() == "cp311-cp311-manylinux_2_36_x86_64");
  CHECK(tags.tags().back() == "py30-none-any");
  CHECK(tags.platforms().front() == "manylinux_2_36_x86_64");
  CHECK(tags.platforms().back() == "linux_x86_64");
  // Each pair: the first is preferred to the second.
  const auto [better, worse] = GENERATE(table<const char*, const char*>({
      {"a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"},
      {"a-1-cp311-cp311-manylinux_2_17_x86_64.whl", "a-1-cp311-cp311-manylinux2014_x86_64.whl"},
      {"a-1-cp311-cp311-manylinux1_x86_64.whl", "a-1-cp311-cp311-linux_x86_64.whl"},
      {"a-1-cp311-cp311-linux_x86_64.whl", "a-1-cp311-abi3-manylinux_2_28_x86_64.whl"},
      {"a-1-cp311-abi3-manylinux1_x86_64.whl", "a-1-cp311-none-manylinux_2_28_x86_64.whl"},
      {"a-1-cp311-none-manylinux1_x86_64.whl", "a-1-cp39-abi3-manylinux_2_28_x86_64.whl"},
      {"a-1-cp39-abi3-manylinux1_x86_64.whl", "a-1-cp38-abi3-manylinux_2_28_x86_64.whl"},
      {"a-1-cp32-abi3-manylinux1_x86_64.whl", "a-1-py311-none-manylinux_2_28_x86_64.whl"},
      {"a-1-py311-none-linux_x86_64.whl", "a-1-py3-none-manylinux_2_28_x86_64.whl"},
      {"a-1-py3-none-linux_x86_64.whl", "a-1-py310-none-manylinux_2_28_x86_64.whl"},
      {"a-1-py30-none-linux_x86_64.whl", "a-1-cp311-none-any.whl"},
      {"a-1-cp311-none-any.whl", "a-1-py311-none-any.whl"},
      {"a-1-py311-none-any.whl", "a-1-py3-none-any.whl"},
      {"a-1-py3-none-any.whl", "a-1-py310-none-any.whl"},
  }));
  INFO(better << " before " << worse);
  REQUIRE(rank(tags, better));
  REQUIRE(rank(tags, worse));
  CHECK(*rank(tags, better) < *rank(tags, worse));
}

TEST_CASE("what does not fit has no rank") {
  const WheelTags tags("3.11", "linux-x86_64", "2.28");
  const auto file = GENERATE(
      "a-1-cp310-cp310-manylinux_2_28_x86_64.whl", "a-1-cp312-abi3-manylinux_2_28_x86_64.whl",
      "a-1-cp311-cp311t-manylinux_2_28_x86_64.whl", "a-1-cp311-cp311-manylinux_2_29_x86_64.whl",
      "a-1-cp311-cp311-manylinux_2_28_aarch64.whl", "a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
      "a-1-cp311-cp311-win_amd64.whl", "a-1-py2-none-any.whl", "a-1-py312-none-any.whl",
      "a-1-cp310-none-any.whl", "a-1-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl");
  INFO(file);
  CHECK_FALSE(rank(tags, file));
}

TEST_CASE("a compressed set counts by its best member") {
  const WheelTags tags("3.11", "linux-x86_64", "2.36");
  CHECK(rank(tags, "a-1-py2.py3-none-any.whl") == rank(tags, "a-1-py3-none-any.whl"));
  CHECK(rank(tags, "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl") ==
        rank(tags, "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"));
}

TEST_CASE("no manylinux older than 2.17 for aarch64") {
  const WheelTags tags("3.11", "linux-aarch64", "2.36");
  CHECK(rank(tags, "a-1-cp311-cp311-manylinux2014_aarch64.whl"));
  CHECK_FALSE(rank(tags, "a-1-cp311-cp311-manylinux_2_12_aarch64.whl"));
  CHECK(rank(tags, "a-1-cp311-cp311-linux_aarch64.whl"));
}

TEST_CASE("builds are ordered by number, then by the rest") {
  CHECK(is_older_build("", "1"));
  CHECK(is_older_build("2", "10"));
  CHECK(is_older_build("1", "1a"));
  CHECK(is_older_build("1a", "1b"));
  CHECK_FALSE(is_older_build("1", "01"));
  CHECK_FALSE(is_older_build("3", "2z"));
}

}  // namespace
}  // namespace eb
