#include "bundler/artifact/deb.hpp"

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

std::string ar_member(std::string name, const std::string& data) {
  const auto pad = [](std::string text, size_t size) {
    text.resize(size, ' ');
    return text;
  };
  std::string out = pad(std::move(name), 16) + pad("0", 12) + pad("0", 6) + pad("0", 6) +
                    pad("100644", 8) + pad(std::to_string(data.size()), 10) + "`\n" + data;
  if (data.size() % 2 != 0) out += '\n';
  return out;
}

const std::string kArMagic = "!<arch>\n";

std::string binary() { return ar_member("debian-binary", "2.0\n"); }

std::string control_tar() {
  return tar_entry({.name = "./", .type = '5'}) +
         tar_entry({.name = "./control"},
                   "Package: demo\nVersion: 1.0-1\nDescription: short\n long one\n .\n") +
         tar_entry({.name = "./postinst", .mode = "0000755"}, "#!/bin/sh\n") + tar_end();
}

std::string data_tar() {
  return tar_entry({.name = "./", .type = '5'}) +
         tar_entry({.name = "./usr/bin/demo", .mode = "0000755"}, "ELF") +
         tar_entry({.name = "./usr/share/doc/demo/copyright"}, "GPL") + tar_end();
}

std::string gz(const std::string& data) { return compress(data, archive_write_add_filter_gzip); }
std::string xz(const std::string& data) { return compress(data, archive_write_add_filter_xz); }

std::string good() {
  return kArMagic + binary() + ar_member("control.tar.gz/", gz(control_tar())) +
         ar_member("data.tar.xz", xz(data_tar()));
}

std::string refusal(const std::string& data) {
  TempDir dir;
  write_file(dir.path() / "d.deb", data);
  try {
    DebReader deb(dir.path() / "d.deb");
    TarEntry entry;
    while (deb.next(entry)) {
    }
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kInvalidLock);
    return std::string(error.what()) + " | " + error.where() + " | " + error.why();
  }
  return "";
}

}  // namespace

TEST_CASE("a package is read: control, fields, content") {
  TempDir dir;
  const auto check = [&dir](const std::string& package) {
    write_file(dir.path() / "d.deb", package);
    DebReader deb(dir.path() / "d.deb", "demo 1.0-1");
    CHECK(deb.field("Package") == "demo");
    CHECK(deb.field("version") == "1.0-1");
    CHECK(deb.field("Description") == "short\nlong one\n.");
    CHECK(deb.field("Depends").empty());
    CHECK(deb.control_files().at("postinst") == "#!/bin/sh\n");
    TarEntry entry;
    REQUIRE(deb.next(entry));
    CHECK(entry.path.empty());
    REQUIRE(deb.next(entry));
    CHECK(entry.path == "usr/bin/demo");
    CHECK(entry.executable());
    char buffer[10];
    CHECK(std::string(buffer, deb.read(buffer, sizeof buffer)) == "ELF");
    REQUIRE(deb.next(entry));
    CHECK(entry.path == "usr/share/doc/demo/copyright");
    CHECK_FALSE(deb.next(entry));
  };
  check(good());
  check(kArMagic + binary() + ar_member("control.tar", control_tar()) +
        ar_member("_extra", "ignored") + ar_member("data.tar", data_tar()) +
        ar_member("signature", "ignored"));
  check(kArMagic + binary() +
        ar_member("control.tar.zst", compress(control_tar(), archive_write_add_filter_zstd)) +
        ar_member("data.tar.bz2", compress(data_tar(), archive_write_add_filter_bzip2)));
}

TEST_CASE("F062_member_order_and_names") {
  const std::string control = ar_member("control.tar.gz", gz(control_tar()));
  const std::string data = ar_member("data.tar.xz", xz(data_tar()));
  CHECK(refusal(kArMagic + binary() + data + control) ==
        "not a valid Debian package | d.deb: data.tar.xz | the next part should be control.tar");
  CHECK(refusal(kArMagic + control + data) ==
        "not a valid Debian package | d.deb: control.tar.gz | the next part should be "
        "debian-binary");
  CHECK(refusal(kArMagic + binary() + control + data + data) ==
        "a Debian package with a part twice | d.deb: data.tar.xz | control.tar and data.tar stand "
        "once");
  CHECK(refusal(kArMagic + binary() + control + control + data) ==
        "not a valid Debian package | d.deb: control.tar.gz | the next part should be data.tar");
  CHECK(refusal(kArMagic + binary() + control) ==
        "not a valid Debian package | d.deb | data.tar is missing");
  CHECK(refusal(kArMagic + binary() + control + ar_member("data.tar.rar", "x")) ==
        "not a valid Debian package | d.deb: data.tar.rar | the next part should be data.tar");
  CHECK(refusal(kArMagic + binary() + control + ar_member("../data.tar", "x")) ==
        "a damaged Debian package | d.deb | no valid ar header at byte " +
            std::to_string((kArMagic + binary() + control).size()));
  CHECK(refusal(kArMagic + ar_member("debian-binary", "3.0\n") + control + data) ==
        "a Debian package of an unknown version | d.deb: debian-binary | 2.0 is known");
  CHECK(refusal(kArMagic + binary() + ar_member("control.tar", tar_end()) + data) ==
        "not a valid Debian package | d.deb: control.tar | it has no control file");
  CHECK(refusal("PK\003\004 and more") ==
        "not a Debian package | d.deb | it does not begin as an ar archive");
  CHECK(refusal("") == "not a Debian package | d.deb | it does not begin as an ar archive");
}

TEST_CASE("F062_control_file_twice_is_refused") {
  const std::string twice = tar_entry({.name = "control"}, "Package: a\n") +
                            tar_entry({.name = "./control"}, "Package: b\n") + tar_end();
  CHECK(refusal(kArMagic + binary() + ar_member("control.tar", twice) +
                ar_member("data.tar", data_tar())) ==
        "a Debian package with a control file twice | d.deb: control | each stands once");
}

TEST_CASE("F062_compression_bomb_in_control_is_stopped") {
  const std::string bomb =
      gz(tar_entry({.name = "./big"}, std::string(70 << 20, '\0')) + tar_end());
  CHECK(refusal(kArMagic + binary() + ar_member("control.tar.gz", bomb) +
                ar_member("data.tar", data_tar())) ==
        "the archive decodes to too much | d.deb | more than 67108864 bytes");
}

TEST_CASE("F062_a_package_cut_anywhere_is_refused") {
  const std::string whole = kArMagic + binary() + ar_member("control.tar.gz", gz(control_tar())) +
                            ar_member("data.tar", data_tar());
  REQUIRE(refusal(whole).empty());
  for (size_t size = 0; size < whole.size(); size += 1 + size / 64) {
    INFO(size);
    CHECK(refusal(whole.substr(0, size)) != "");
  }
}
