#include "runtime/metrics/json_log.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace eb::metrics {
namespace {

std::vector<nlohmann::json> records(const std::string& path) {
  std::vector<nlohmann::json> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(nlohmann::json::parse(line));
  return out;
}

TEST_CASE("a record is a line of JSON, whatever is in it") {
  const test::TempDir dir;
  JsonLog log(dir.path() / "log", {});
  log.warn("odd", {{"text", "a\nb\"\xff"}});
  const auto lines = records(dir.path() / "log");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["level"] == "warning");
  CHECK(lines[0]["event"] == "odd");
  CHECK(lines[0]["text"] == "a\nb\"\xef\xbf\xbd");
  CHECK(lines[0]["time"].get<std::string>().size() == 24);
}

TEST_CASE("files rotate before they are too big, and the oldest goes") {
  const test::TempDir dir;
  const std::string path = dir.path() / "log";
  {
    JsonLog log(path, {.max_bytes = 1000, .keep = 2});
    for (int i = 0; i < 100; ++i) log.info("n", {{"i", std::to_string(i)}});
  }
  CHECK(std::filesystem::exists(path + ".2"));
  CHECK_FALSE(std::filesystem::exists(path + ".3"));
  std::vector<nlohmann::json> all;
  for (const std::string& each : {path + ".2", path + ".1", path}) {
    CHECK(std::filesystem::file_size(each) <= 1000);
    for (auto& record : records(each)) all.push_back(std::move(record));
  }
  // Without a gap up to the last.
  for (size_t i = 0; i < all.size(); ++i)
    CHECK(all[i]["i"] == std::to_string(100 - all.size() + i));
}

TEST_CASE("with nothing to keep there is one file") {
  const test::TempDir dir;
  JsonLog log(dir.path() / "log", {.max_bytes = 200, .keep = 0});
  for (int i = 0; i < 20; ++i) log.info("n");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
  CHECK(std::filesystem::file_size(dir.path() / "log") <= 200);
}

TEST_CASE("a file that somebody removed or that was there before is no trouble") {
  const test::TempDir dir;
  std::ofstream(dir.path() / "log") << "{\"event\":\"before\"}\n";
  JsonLog log(dir.path() / "log", {});
  log.info("one");
  CHECK(records(dir.path() / "log").size() == 2);
  std::filesystem::remove(dir.path() / "log");
  log.info("two");
  CHECK(records(dir.path() / "log").at(0)["event"] == "two");
}

TEST_CASE("a full disk loses lines and counts them") {
  JsonLog log("/dev/full", {});
  log.info("lost");
  log.info("lost");
  CHECK(log.dropped() == 2);
}

TEST_CASE("lines of several threads do not mix") {
  const test::TempDir dir;
  JsonLog log(dir.path() / "log", {.max_bytes = 5000, .keep = 100});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) log.info("n", {{"text", std::string(50, 'x')}});
    });
  }
  for (std::thread& each : threads) each.join();
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    count += records(file.path()).size();
  }
  CHECK(count == 800);
}

}  // namespace
}  // namespace eb::metrics
