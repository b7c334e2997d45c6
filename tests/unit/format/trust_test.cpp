#include "installer/format/trust.hpp"

#include <stdlib.h>

#include <ctime>

#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using test::TestSigner;
using test::thrown_error;

namespace {

const std::string& ed_line() {
  static const std::string line = TestSigner::ed25519(1).key().authorized_line();
  return line;
}

std::vector<AllowedSigner> parse(const std::string& text) {
  std::vector<std::string> skipped;
  auto out = parse_allowed_signers(text, "signers", &skipped);
  CHECK(skipped.empty());
  return out;
}

std::string why_not(const std::string& text) {
  const Error error = thrown_error([&text] { parse_allowed_signers(text, "signers", nullptr); });
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "the list of trusted signers is malformed");
  CHECK(error.where() == "signers, line 1");
  return error.why();
}

/// The time zone of the process, for as long as it lives.
class TimeZone {
 public:
  explicit TimeZone(const char* name) {
    if (const char* before = getenv("TZ")) before_ = before;
    setenv("TZ", name, 1);
    tzset();
  }
  ~TimeZone() {
    before_ ? setenv("TZ", before_->c_str(), 1) : unsetenv("TZ");
    tzset();
  }

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("lines, blanks and comments") {
  const std::string other = TestSigner::p256().key().authorized_line();
  const auto signers = parse("# a comment\n\n   \n  # another\nalice@x " + ed_line() +
                             " comment with words\r\n\t\"bob, carol\"\t" + other);
  REQUIRE(signers.size() == 2);
  CHECK(signers[0].principals == "alice@x");
  CHECK(signers[0].key.authorized_line() == ed_line());
  CHECK_FALSE(signers[0].namespaces);
  CHECK_FALSE(signers[0].valid_after);
  CHECK_FALSE(signers[0].valid_before);
  CHECK(signers[1].principals == "bob, carol");
  CHECK(signers[1].key.authorized_line() == other);
  CHECK(parse("").empty());
  CHECK(parse("#").empty());
}

TEST_CASE("options in any order and any case") {
  const auto signers = parse(
      "a,b valid-before=\"20300102Z\",NameSpaces=\"envbundle-*,git\",valid-after=\"20200101Z\" " +
      ed_line());
  REQUIRE(signers.size() == 1);
  CHECK(signers[0].principals == "a,b");
  CHECK(signers[0].namespaces == std::string("envbundle-*,git"));
  CHECK(signers[0].valid_after == 1577836800);
  CHECK(signers[0].valid_before == 1893542400);
  CHECK(parse("a namespaces=\"with \\\" and blank\" " + ed_line())[0].namespaces ==
        std::string("with \" and blank"));
}

TEST_CASE("times with and without a zone") {
  const TimeZone zone("EST5");
  const auto after = [](const std::string& text) {
    return parse("a valid-after=\"" + text + "\" " + ed_line())[0].valid_after.value();
  };
  CHECK(after("20240229Z") == 1709164800);
  CHECK(after("202402291234Z") == 1709164800 + 12 * 3600 + 34 * 60);
  CHECK(after("20240229123456Z") == 1709164800 + 12 * 3600 + 34 * 60 + 56);
  CHECK(after("20240229") == 1709164800 + 5 * 3600);
  CHECK(after("20240229123456") == 1709164800 + 17 * 3600 + 34 * 60 + 56);
  CHECK(after("20991231Z") == 4102358400);
  CHECK(after("20000229Z") == 951782400);
}

TEST_CASE("times that do not exist") {
  for (const char* text : {"",
                           "Z",
                           "2024",
                           "2024010",
                           "202401011",
                           "20240101000000Z0",
                           "20240230Z",
                           "20230229Z",
                           "21000229Z",
                           "20241301Z",
                           "20240001Z",
                           "20240100Z",
                           "202401012400Z",
                           "202401010060Z",
                           "20240101000060Z",
                           "2024010xZ",
                           "2024-01-01",
                           "19691231Z",
                           "20240101z",
                           "forever"}) {
    CAPTURE(text);
    CHECK(why_not("a valid-after=\"" + std::string(text) + "\" " + ed_line()) ==
          "option valid-after has '" + std::string(text) + "'; a time is YYYYMMDD[HHMM[SS]][Z]");
  }
}

TEST_CASE("a time before 1970 by the clock of its zone is refused") {
  const TimeZone zone("EAST-14");
  CHECK(why_not("a valid-after=\"19700101\" " + ed_line()) ==
        "option valid-after has '19700101'; a time is YYYYMMDD[HHMM[SS]][Z]");
  CHECK(parse("a valid-after=\"197001011400\" " + ed_line())[0].valid_after == 0);
}

TEST_CASE("a backslash means something before a quotation mark only") {
  CHECK(parse("a\\b " + ed_line())[0].principals == "a\\b");
  CHECK(parse("\"a\\b c\" " + ed_line())[0].principals == "a\\b c");
  CHECK(why_not("a \\") == "'\\' is neither a key type nor an option");
  CHECK(why_not("a\\\"b " + ed_line()) == "the list of principals is not valid");
}

TEST_CASE("lines that are refused") {
  CHECK(why_not("alice") == "the line ends before its key");
  CHECK(why_not("alice namespaces=\"x\"") == "the line ends before its key");
  CHECK(why_not("alice frobnicate " + ed_line()) ==
        "'frobnicate' is neither a key type nor an option");
  CHECK(why_not("alice namespaces=x " + ed_line()) ==
        "option namespaces needs a value in quotation marks");
  CHECK(why_not("alice valid-after=20240101 " + ed_line()) ==
        "option valid-after needs a value in quotation marks");
  CHECK(why_not("alice namespaces=\"x " + ed_line()) == "a quotation mark is not closed");
  CHECK(why_not("alice namespaces=\"x\",namespaces=\"y\" " + ed_line()) ==
        "option namespaces stands twice");
  CHECK(why_not("alice namespaces=\"x\"valid-after=\"20240101\" " + ed_line()) ==
        "options must be separated by commas");
  CHECK(why_not("alice namespaces=\"x\", " + ed_line()) ==
        "'' is neither a key type nor an option");
  CHECK(why_not("alice valid-after=\"20300101Z\",valid-before=\"20200101Z\" " + ed_line()) ==
        "valid-before is not later than valid-after");
  CHECK(why_not("alice namespaces=\"x\" ssh-foo AAAA") == "'ssh-foo' is not a key type");
  CHECK(why_not("alice ssh-ed25519 AAAA") ==
        "its type is ''; ssh-ed25519 and ecdsa-sha2-nistp256 are accepted");
  CHECK(why_not("alice ssh-ed25519 !!!!") == "the second word is not base64");
  CHECK(why_not("alice ssh-ed25519") == "'TYPE BASE64 [COMMENT]' is needed");
  CHECK(why_not("\"\" " + ed_line()) == "the list of principals is not valid");
  CHECK(why_not("a\"b\" " + ed_line()) == "the list of principals is not valid");
  CHECK(why_not("\"a\"b " + ed_line()) == "the list of principals is not valid");
  CHECK(why_not("\"a " + ed_line()) == "the list of principals is not valid");
  CHECK(why_not("a namespaces=\"x\" \"ssh-ed25519 AAAA") ==
        "'\"ssh-ed25519 AAAA' is not a key type");
  CHECK(why_not(std::string("a\0b ", 4) + ed_line()) == "the line holds a NUL character");
  // The key alone, as in authorized_keys: its type would be a principal.
  CHECK(why_not(ed_line() + " user@host") != "");
}

TEST_CASE("the number of a bad line is named") {
  const Error error = thrown_error([] {
    parse_allowed_signers("# x\n\na " + ed_line() + "\nb broken\n", "etc/signers", nullptr);
  });
  CHECK(error.where() == "etc/signers, line 4");
  CHECK(error.hints() ==
        std::vector<std::string>{"ssh-keygen(1) describes the file under ALLOWED SIGNERS"});
}

TEST_CASE("lines that cannot count are skipped and said") {
  std::vector<std::string> skipped;
  const auto signers = parse_allowed_signers(
      "a ssh-rsa AAAA\n"
      "a sk-ssh-ed25519@openssh.com AAAA c\n"
      "a cert-authority " +
          ed_line() +
          "\n"
          "a namespaces=\"x\" ecdsa-sha2-nistp384 AAAA\n"
          "a ssh-ed25519-cert-v01@openssh.com AAAA\n"
          "b " +
          ed_line(),
      "s", &skipped);
  REQUIRE(signers.size() == 1);
  CHECK(signers[0].principals == "b");
  CHECK(skipped == std::vector<std::string>{
                       "s, line 1: a key of type ssh-rsa cannot sign a bundle",
                       "s, line 2: a key of type sk-ssh-ed25519@openssh.com cannot sign a bundle",
                       "s, line 3: certificate authorities are not supported",
                       "s, line 4: a key of type ecdsa-sha2-nistp384 cannot sign a bundle",
                       "s, line 5: a key of type ssh-ed25519-cert-v01@openssh.com cannot sign a "
                       "bundle"});
}

TEST_CASE("patterns of ssh_config(5)") {
  struct Row {
    const char* list;
    const char* text;
    bool matches;
  };
  const Row rows[] = {
      {"a", "a", true},
      {"a", "b", false},
      {"a", "ab", false},
      {"", "", false},
      {"", "a", false},
      {"*", "", true},
      {"*", "abc", true},
      {"?", "a", true},
      {"?", "", false},
      {"a*c", "abbc", true},
      {"a*c", "abcb", false},
      {"*b*b", "abab", true},
      {"a?c*", "abcd", true},
      {"x,a", "a", true},
      {"x,,a", "a", true},
      {"!a,*", "a", false},
      {"*,!a", "a", false},
      {"!a", "b", false},
      {"!b,*", "a", true},
      {"envbundle-index@v1", "envbundle-index@v1", true},
      {"envbundle-index@v?", "envbundle-index@v1", true},
      {"A", "a", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list, row.text);
    CHECK(pattern_list_matches(row.list, row.text) == row.matches);
  }
  // Time grows with the product of the lengths, not with the number of stars.
  std::string stars;
  for (int i = 0; i < 2000; ++i) stars += "*a";
  CHECK_FALSE(pattern_list_matches(stars + "b", std::string(20000, 'a')));
}
