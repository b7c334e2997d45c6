#include "installer/base/rel_path.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/thrown_error.hpp"

using eb::RelPath;

namespace {

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("paths that are taken") {
  const std::string taken[] = {"a",
                               "a/b",
                               "lib/python3.11/site-packages/x.dist-info/RECORD",
                               "...",
                               "..a",
                               ".hidden/..b/c..",
                               " a b ",
                               "päth/日本",
                               "back\\slash",
                               std::string(255, 'x'),
                               repeated("d/", 63) + "d",
                               repeated(std::string(127, 'y') + "/", 7) + std::string(128, 'z')};
  for (const std::string& text : taken) {
    CAPTURE(text);
    CHECK(RelPath::problem(text) == std::nullopt);
    REQUIRE(RelPath::parse(text));
    CHECK(RelPath::parse(text)->str() == text);
  }
}

TEST_CASE("paths that are refused, with the rule that they break") {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> refused[] = {
      {"", "the path is empty"},
      {"/", "the path is absolute"},
      {"/etc/passwd", "the path is absolute"},
      {"//x", "the path is absolute"},
      {"a/", "the path has an empty component"},
      {"a//b", "the path has an empty component"},
      {".", "the path has a '.' component"},
      {"./a", "the path has a '.' component"},
      {"a/./b", "the path has a '.' component"},
      {"..", "the path has a '..' component"},
      {"../a", "the path has a '..' component"},
      {"a/../b", "the path has a '..' component"},
      {"a/..", "the path has a '..' component"},
      {"a\0b"s, "the path holds a control character"},
      {"a\nb", "the path holds a control character"},
      {"a\x7f", "the path holds a control character"},
      {"\x1b[2J", "the path holds a control character"},
      {"a\xc2\x9b"
       "b",
       "the path holds a control character"},
      {"a\xff", "the path is not UTF-8"},
      {"a\xc0\xae", "the path is not UTF-8"},
      {"a\xed\xa0\x80", "the path is not UTF-8"},
      {std::string(256, 'x'), "a component is longer than 255 bytes"},
      {repeated("d/", 64) + "d", "the path is deeper than 64 components"},
      {repeated(std::string(127, 'y') + "/", 8) + "z", "the path is longer than 1024 bytes"},
  };
  for (const auto& [text, why] : refused) {
    CAPTURE(text);
    CHECK(RelPath::problem(text) == std::string(why));
    CHECK_FALSE(RelPath::parse(text));
  }
}

TEST_CASE("a path that the program makes wrongly is its own fault") {
  const eb::Error error = eb::test::thrown_error([] { RelPath("a/../b"); });
  CHECK(error.code() == eb::ExitCode::kInternal);
  CHECK(error.where() == "a/../b");
}

TEST_CASE("name, parent and containment of a path") {
  const RelPath path("lib/x/y.so");
  CHECK(path.name() == "y.so");
  CHECK(path.parent() == "lib/x");
  CHECK(RelPath("top").name() == "top");
  CHECK(RelPath("top").parent().empty());
  CHECK(path.is_below("lib"));
  CHECK(path.is_below("lib/x"));
  CHECK_FALSE(path.is_below("lib/x/y.so"));
  CHECK_FALSE(path.is_below("li"));
  CHECK_FALSE(RelPath("lib64/x").is_below("lib"));
  CHECK_FALSE(path.is_below("bin"));
}

TEST_CASE("order puts a directory before what it holds") {
  std::vector<RelPath> paths = {RelPath("a/b"), RelPath("a-b"), RelPath("a"), RelPath("a/b/c"),
                                RelPath("B")};
  std::ranges::sort(paths);
  std::string order;
  for (const RelPath& path : paths) order += path.str() + " ";
  CHECK(order == "B a a-b a/b a/b/c ");
}

TEST_CASE("where a symlink leads") {
  struct Row {
    const char* link;
    const char* target;
    const char* leads_to;  // nullptr: refused
  };
  const Row rows[] = {
      {"l", "x", "x"},
      {"a/l", "x", "a/x"},
      {"a/l", "../x", "x"},
      {"a/b/l", "../../x/./y//z", "x/y/z"},
      {"a/l", "x/", "a/x"},
      {"a/l", ".", "a"},
      {"a/b/l", "..", "a"},
      {"l", "x/../y", "y"},
      {"l", "", nullptr},
      {"l", "/etc/passwd", nullptr},
      {"l", "..", nullptr},
      {"l", "../x", nullptr},
      {"a/l", "../..", nullptr},
      {"a/l", "../../x", nullptr},
      {"l", "x/../../y", nullptr},
      {"l", ".", nullptr},
      {"a/l", "..", nullptr},
      {"l", "x/..", nullptr},
      {"l", "a\nb", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.link, row.target);
    const auto found = eb::resolve_link(RelPath(row.link), row.target);
    if (row.leads_to == nullptr) {
      CHECK_FALSE(found);
    } else {
      REQUIRE(found);
      CHECK(found->str() == row.leads_to);
    }
  }
}
