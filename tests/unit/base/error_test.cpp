#include "installer/base/error.hpp"

#include <cerrno>

#include "tests/support/thrown_error.hpp"

using eb::Error;
using eb::ExitCode;

TEST_CASE("an error is rendered as what, where, why and hints") {
  const Error error = Error(ExitCode::kDigestMismatch, "frame 17 does not match its digest")
                          .where("b.zst, bytes 10-19")
                          .why("expected sha256 9f2c, got 03ab")
                          .hint("compare the sha256")
                          .hint("nothing was installed");
  CHECK(eb::render_error("envinstall", error) ==
        "envinstall: error: frame 17 does not match its digest\n"
        "  where: b.zst, bytes 10-19\n"
        "  why:   expected sha256 9f2c, got 03ab\n"
        "  hint:  compare the sha256\n"
        "  hint:  nothing was installed\n");
  CHECK(error.code() == ExitCode::kDigestMismatch);
}

TEST_CASE("empty fields of an error leave no line") {
  CHECK(eb::render_error("envbundle", Error(ExitCode::kInternal, "broken")) ==
        "envbundle: error: broken\n");
}

TEST_CASE("outside text cannot drive the terminal") {
  const Error error = Error(ExitCode::kMalformed, "bad\nname")
                          .where("a\x1b[2Jb")
                          .why(
                              "\xc2\x9b"
                              "31m and \xff")
                          .hint("tab\tdel\x7f");
  CHECK(eb::render_error("p", error) ==
        "p: error: bad\\x0aname\n"
        "  where: a\\x1b[2Jb\n"
        "  why:   \\xc2\\x9b31m and \\xff\n"
        "  hint:  tab\\x09del\\x7f\n");
}

TEST_CASE("printable keeps text and shows the rest byte by byte") {
  CHECK(eb::printable("päth/Ω/𝄞 ~") == "päth/Ω/𝄞 ~");
  CHECK(eb::printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(eb::printable("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(eb::printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
  CHECK(eb::printable("a\xe2\x82") == "a\\xe2\\x82");         // cut off
  CHECK(eb::printable("\xc2\x80|\xc2\x9f|\xc2\xa0") == "\\xc2\\x80|\\xc2\\x9f|\xc2\xa0");
}

TEST_CASE("a failed system call maps to its exit code") {
  const auto code = [](int number) { return eb::system_error(number, "w", "f").code(); };
  CHECK(code(ENOSPC) == ExitCode::kNoSpace);
  CHECK(code(EDQUOT) == ExitCode::kNoSpace);
  CHECK(code(EACCES) == ExitCode::kPermission);
  CHECK(code(EPERM) == ExitCode::kPermission);
  CHECK(code(EROFS) == ExitCode::kUnsupportedFs);
  CHECK(code(EIO) == ExitCode::kIo);
  CHECK(code(ELOOP) == ExitCode::kIo);
  const Error error = eb::system_error(ENOSPC, "cannot write", "x/y");
  CHECK(std::string(error.what()) == "cannot write");
  CHECK(error.where() == "x/y");
  CHECK(error.why() == "No space left on device (ENOSPC)");
  CHECK(eb::system_error(99999, "w", "f").why() == "unknown (99999)");
}
