#include "runtime/metrics/exposition.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace eb::metrics {
namespace {

constexpr Family kOne{"one", FamilyType::kGauge, "First."};
constexpr Family kTwo{"two_total", FamilyType::kCounter, "Second."};

TEST_CASE("a page has each family once, its samples together, in the order of the first") {
  Exposition page;
  page.add(kOne, {{"a", "1"}}, 1.5);
  page.add(kTwo, {}, 3);
  page.add(kOne, {{"a", "2"}, {"b", "x"}}, -2);
  CHECK(page.text() ==
        "# HELP one First.\n# TYPE one gauge\none{a=\"1\"} 1.5\none{a=\"2\",b=\"x\"} -2\n"
        "# HELP two_total Second.\n# TYPE two_total counter\ntwo_total 3\n");
}

TEST_CASE("the same sample twice would spoil the page: the second is dropped") {
  Exposition page;
  CHECK(page.add(kOne, {{"a", "1"}}, 1));
  CHECK_FALSE(page.add(kOne, {{"a", "1"}}, 2));
  // Labels that look alike only when they are shown.
  CHECK(page.add(kOne, {{"a", "x\x01"}}, 1));
  CHECK_FALSE(page.add(kOne, {{"a", "x\x02"}}, 1));
  page.add_known(kOne, {{"a", "3"}}, std::nullopt);
  CHECK(page.text().find("\"3\"") == std::string::npos);
}

TEST_CASE("label values are escaped, valid UTF-8 and bounded") {
  CHECK(label_text("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
  CHECK(label_text("t\tz\x7f") == "t?z?");
  CHECK(label_text("\xff\xc3") == "??");
  CHECK(label_text("ü€😀") == "ü€😀");
  CHECK(label_text(std::string(1000, 'x')) == std::string(Exposition::kMaxLabelBytes, 'x'));
  // No half character at the cut.
  CHECK(label_text(std::string(199, 'x') + "ü") == std::string(199, 'x'));
  CHECK(label_text(std::string(198, 'x') + "ü") == std::string(198, 'x') + "ü");
}

TEST_CASE("values read back as they were") {
  CHECK(value_text(0.1) == "0.1");
  CHECK(value_text(25276502016) == "25276502016");
  CHECK(std::stod(value_text(1.0 / 3)) == 1.0 / 3);
  CHECK(value_text(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(value_text(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(value_text(-std::numeric_limits<double>::infinity()) == "-Inf");
}

}  // namespace
}  // namespace eb::metrics
