#include "runtime/metrics/options.hpp"

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"

namespace eb::metrics {
namespace {

TEST_CASE("addresses to listen at") {
  CHECK(parse_listen("127.0.0.1:9400").port == 9400);
  CHECK(parse_listen(":0").host == "127.0.0.1");
  CHECK(parse_listen("localhost:1").host == "127.0.0.1");
  CHECK(parse_listen("[::1]:65535").host == "::1");
  for (const char* const text : {"", "9400", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                                 "host:1", "127.0.0.1:1x", "[::1:2"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_listen(text), Error);
  }
}

Options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "/r/libexec/envbundle/envmetrics");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  int exit_code = 0;
  return parse_options(static_cast<int>(pointers.size()), pointers.data(), &exit_code);
}

TEST_CASE("without a wish it serves on loopback, of its own release") {
  CHECK(parse({}).listen == "127.0.0.1:9400");
  CHECK(parse({}).root == "/r");
  CHECK(parse({"--textfile", "d"}).listen.empty());
  CHECK(parse({"--once"}).listen.empty());
  CHECK(parse({"--log-max-bytes", "2 MiB"}).log_max_bytes == 2U << 20U);
}

TEST_CASE("what makes no sense is refused") {
  CHECK_THROWS_AS(parse({"--interval", "0"}), Error);
  CHECK_THROWS_AS(parse({"--log-max-bytes", "10"}), Error);
  CHECK_THROWS_AS(parse({"--nonsense"}), Error);
  CHECK_THROWS_AS(parse({"word"}), Error);
}

}  // namespace
}  // namespace eb::metrics
