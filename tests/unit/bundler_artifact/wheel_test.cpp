#include "bundler/artifact/wheel.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/support/wheel_maker.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

std::string refusal(const std::string& data, const std::string& file_name) {
  TempDir dir;
  write_file(dir.path() / file_name, data);
  try {
    const Wheel wheel(dir.path() / file_name, file_name, "demo 1.0");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kInvalidLock);
    return std::string(error.what()) + " | " + error.where() + " | " + error.why();
  }
  return "";
}

std::string refusal(const WheelMaker& maker) { return refusal(maker.build(), maker.file_name()); }

WheelMaker with_file() { return {.files = {{.name = "demo/__init__.py", .content = "x = 1\n"}}}; }

}  // namespace

TEST_CASE("a wheel is opened") {
  TempDir dir;
  WheelMaker maker = with_file();
  maker.name = "De.Mo";
  maker.version = "1.0.0";
  maker.entry_points = "[console_scripts]\ndemo = demo:main\n";
  write_file(dir.path() / "cached", maker.build());
  // As indexes name it, while the folder inside is not normalised.
  const Wheel wheel(dir.path() / "cached", "de_mo-1.0-py3-none-any.whl", "de-mo 1.0");
  CHECK(wheel.dist_info() == "De.Mo-1.0.0.dist-info");
  CHECK(wheel.metadata("name") == "De.Mo");
  CHECK(wheel.metadata("Version") == "1.0.0");
  CHECK(wheel.metadata("License").empty());
  REQUIRE(wheel.entry_points().size() == 1);
  REQUIRE(wheel.record_hash_of("demo/__init__.py") != nullptr);
  CHECK(to_hex(wheel.record_hash_of("demo/__init__.py")->digest) ==
        sha256(as_bytes("x = 1\n")).hex());
  CHECK(wheel.record_hash_of("De.Mo-1.0.0.dist-info/RECORD") == nullptr);
  CHECK(wheel.warnings().empty());
}

TEST_CASE("Wheel-Version: a newer minor warns, a newer major is refused") {
  TempDir dir;
  WheelMaker maker = with_file();
  maker.wheel = "Wheel-Version: 1.9\nRoot-Is-Purelib: true\n";
  write_file(dir.path() / maker.file_name(), maker.build());
  const Wheel wheel(dir.path() / maker.file_name(), maker.file_name());
  CHECK(wheel.warnings() ==
        std::vector<std::string>{"demo-1.0-py3-none-any.whl: Wheel-Version 1.9 is newer than 1.0"});
  maker.wheel = "Wheel-Version: 2.0\n";
  CHECK(refusal(maker) ==
        "a wheel of an unknown version | demo 1.0: demo-1.0.dist-info/WHEEL | Wheel-Version 2.0; "
        "major version 1 is known");
  for (const char* bad :
       {"Wheel-Version: x\n", "Wheel-Version: 1.\n", "Wheel-Version: 1.0.1\n", ""}) {
    maker.wheel = bad;
    CHECK_THAT(refusal(maker), Catch::StartsWith("not a valid wheel"));
  }
}

TEST_CASE("a wheel of something else is refused") {
  WheelMaker maker = with_file();
  maker.dist_info = "other-1.0.dist-info";
  CHECK(refusal(maker) ==
        "a wheel whose dist-info folder is of something else | demo 1.0: other-1.0.dist-info | the "
        "file name says demo 1.0");
  maker.dist_info = "demo-1.1.dist-info";
  CHECK_THAT(refusal(maker), Catch::StartsWith("a wheel whose dist-info folder"));
  maker = with_file();
  maker.metadata = "Name: evil\nVersion: 1.0\n";
  CHECK(refusal(maker) ==
        "a wheel whose metadata is of something else | demo 1.0: demo-1.0.dist-info/METADATA | it "
        "says 'evil' '1.0', the file name demo 1.0");
  maker = with_file();
  maker.files.push_back({.name = "old-1.0.dist-info/METADATA", .content = "x"});
  CHECK(refusal(maker) ==
        "a wheel with two dist-info folders | demo 1.0 | old-1.0.dist-info and demo-1.0.dist-info");
  CHECK(refusal(ZipMaker{.members = {{.name = "a", .content = "x"}}}.build(),
                "demo-1.0-py3-none-any.whl") ==
        "not a wheel | demo 1.0 | it has no .dist-info folder");
}

TEST_CASE("F060_RECORD_that_is_missing_or_incomplete_is_refused") {
  ZipMaker zip{
      .members = {{.name = "demo-1.0.dist-info/METADATA", .content = "Name: demo\nVersion: 1.0\n"},
                  {.name = "demo-1.0.dist-info/WHEEL", .content = "Wheel-Version: 1.0\n"}}};
  CHECK(refusal(zip.build(), "demo-1.0-py3-none-any.whl") ==
        "not a valid wheel | demo 1.0 | RECORD is missing");
  WheelMaker maker = with_file();
  maker.unrecorded = {"demo/__init__.py"};
  CHECK(
      refusal(maker) ==
      "a file of the wheel is not in its RECORD | demo 1.0: demo/__init__.py | every file must be "
      "listed");
  maker = with_file();
  maker.unrecorded = {"demo-1.0.dist-info/METADATA"};
  CHECK_THAT(refusal(maker), Catch::StartsWith("a file of the wheel is not in its RECORD"));
  maker = with_file();
  maker.record = "not,a,valid,record\n";
  CHECK_THAT(refusal(maker), Catch::StartsWith("a malformed RECORD"));
}

TEST_CASE("F060_RECORD_that_lists_what_is_not_there_is_refused") {
  WheelMaker maker = with_file();
  maker.extra_record = "../../etc/passwd,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n";
  CHECK(refusal(maker) ==
        "RECORD lists a file that the wheel does not have | demo 1.0: "
        "demo-1.0.dist-info/RECORD | ../../etc/passwd");
  maker.extra_record = "missing.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n";
  CHECK_THAT(refusal(maker), Catch::EndsWith("missing.py"));
}

TEST_CASE("F060_RECORD_with_weak_missing_or_two_hashes_is_refused") {
  WheelMaker maker = with_file();
  maker.unrecorded = {"demo/__init__.py"};
  maker.extra_record = "demo/__init__.py,,\n";
  CHECK(refusal(maker) ==
        "RECORD has no usable hash of a file | demo 1.0: demo/__init__.py | "
        "RECORD has no hash for it");
  maker.extra_record = "demo/__init__.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,6\n";
  CHECK_THAT(refusal(maker), Catch::Contains("RECORD uses 'md5'"));
  maker.extra_record = "demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,7\n";
  CHECK(refusal(maker) ==
        "a file is not what RECORD says | demo 1.0: demo/__init__.py | it has 6 bytes, RECORD says "
        "7");
  maker.unrecorded.clear();
  maker.extra_record = "demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,6\n";
  CHECK_THAT(refusal(maker), Catch::StartsWith("RECORD lists a file twice with different hashes"));
}

TEST_CASE("a slash before the paths of RECORD is taken off, signatures are exempt") {
  WheelMaker maker = with_file();
  maker.files.push_back({.name = "demo-1.0.dist-info/RECORD.jws", .content = "{}"});
  maker.unrecorded = {"demo/__init__.py", "demo-1.0.dist-info/RECORD.jws"};
  maker.extra_record =
      "/" + format_record_line({"demo/__init__.py", record_hash(sha256(as_bytes("x = 1\n"))), "6"});
  CHECK(refusal(maker).empty());
}
