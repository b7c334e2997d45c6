#include <catch2/catch.hpp>

#include "bundler/artifact/entry_points.hpp"
#include "bundler/artifact/wheel_name.hpp"
#include "bundler/artifact/wheel_record.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using eb::test::thrown_error;

TEST_CASE("names of wheels") {
  const WheelName torch =
      parse_wheel_name("torch-2.8.0+cu128-cp311-cp311-manylinux_2_28_x86_64.whl");
  CHECK(torch.distribution == "torch");
  CHECK(torch.version == "2.8.0+cu128");
  CHECK(torch.build.empty());
  CHECK(torch.python_tag == "cp311");
  CHECK(torch.abi_tag == "cp311");
  CHECK(torch.platform_tag == "manylinux_2_28_x86_64");
  const WheelName built = parse_wheel_name("Zope.Proxy-1.0-2b-py2.py3-none-any.whl");
  CHECK(built.distribution == "Zope.Proxy");
  CHECK(built.build == "2b");
  CHECK(built.python_tag == "py2.py3");
  for (const char* bad :
       {"a-1.0-py3-none-any.zip", "a-1.0-py3-none.whl", "a-1.0-1-2-py3-none-any.whl",
        "a--py3-none-any.whl", "a-1.0-x1-py3-none-any.whl", "../a-1.0-py3-none-any.whl", ".whl"}) {
    INFO(bad);
    CHECK(std::string(thrown_error([&] { parse_wheel_name(bad); }).what()) ==
          "not the name of a wheel");
  }
}

TEST_CASE("project names are normalised") {
  CHECK(normalise_project_name("Zope.Interface") == "zope-interface");
  CHECK(normalise_project_name("a_-.b__c") == "a-b-c");
}

TEST_CASE("versions that are the same") {
  const auto same = [](const char* a, const char* b) {
    INFO(a << " " << b);
    CHECK(same_version(a, b));
    CHECK(same_version(b, a));
  };
  same("1.0", "1.0.0");
  same("1.0", "v1");
  same("01.2", "1.2");
  same("1.0a1", "1.0-alpha.1");
  same("1.0rc1", "1.0.c1");
  same("1.0rc1", "1.0preview1");
  same("1.0a", "1.0a0");
  same("1.0.post1", "1.0-1");
  same("1.0.post1", "1.0rev1");
  same("1.0.dev", "1.0dev0");
  same("0!1.0", "1.0");
  same("2.8.0+cu128", "2.8.0_cu128");
  same("1.0+Ubuntu-1", "1.0+ubuntu.1");
  same("odd~version", "odd~version");
  const auto other = [](const char* a, const char* b) {
    INFO(a << " " << b);
    CHECK_FALSE(same_version(a, b));
  };
  other("1.0", "1.0.1");
  other("1.0", "10");
  other("1.0a1", "1.0b1");
  other("1.0", "1.0.post0");
  other("1.0", "1!1.0");
  other("2.8.0", "2.8.0+cu128");
  other("1.10", "1.1");
  other("1.2", "12");
  other("odd~version", "odd~version2");
}

TEST_CASE("RECORD is read and written as Python's csv does") {
  const auto lines = parse_record(
      "a.py,sha256=xx,5\r\n\n\"with,comma\"\"quote\",sha256=yy,6\nd/RECORD,,\n", "w", "RECORD");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].path == "a.py");
  CHECK(lines[0].size == "5");
  CHECK(lines[1].path == "with,comma\"quote");
  CHECK(lines[2].hash.empty());
  CHECK(format_record_line(lines[1]) == "\"with,comma\"\"quote\",sha256=yy,6\n");
  CHECK(format_record_line(lines[0]) == "a.py,sha256=xx,5\n");
}

TEST_CASE("F060_malformed_RECORD_is_refused") {
  for (const char* bad : {"a.py,sha256=xx\n", "a.py\n", "a,b,c,d\n", "\"a,b,c\n"}) {
    INFO(bad);
    const Error error = thrown_error([&] { parse_record(bad, "w 1", "d/RECORD"); });
    CHECK(std::string(error.what()) == "a malformed RECORD");
    CHECK(error.where() == "w 1: d/RECORD");
  }
}

TEST_CASE("hashes of RECORD") {
  const Sha256 empty = sha256(as_bytes(""));
  const std::string text = record_hash(empty);
  CHECK(text == "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
  RecordHash hash;
  std::string why;
  REQUIRE(parse_record_hash(text + "=", hash, why));
  CHECK(to_hex(hash.digest) == empty.hex());
  for (const auto algorithm :
       {RecordAlgorithm::kSha256, RecordAlgorithm::kSha384, RecordAlgorithm::kSha512}) {
    RecordDigest digest(algorithm);
    digest.update(as_bytes("ab"));
    digest.update(as_bytes("c"));
    const std::string hex = to_hex(digest.finish()).substr(0, 16);
    CHECK(hex == (algorithm == RecordAlgorithm::kSha256   ? "ba7816bf8f01cfea"
                  : algorithm == RecordAlgorithm::kSha384 ? "cb00753f45a35e8b"
                                                          : "ddaf35a193617aba"));
  }
  REQUIRE(parse_record_hash(
      "sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb", hash, why));
  CHECK(hash.algorithm == RecordAlgorithm::kSha384);
  CHECK_FALSE(parse_record_hash("md5=1B2M2Y8AsgTpgAmY7PhCfg", hash, why));
  CHECK(why == "RECORD uses 'md5'; sha256, sha384 and sha512 are accepted");
  CHECK_FALSE(parse_record_hash("sha256=abc", hash, why));
  CHECK(why == "its sha256 value 'abc' is malformed");
  CHECK_FALSE(parse_record_hash("sha256=" + std::string(43, '!'), hash, why));
  CHECK_FALSE(parse_record_hash("", hash, why));
  CHECK(why == "RECORD has no hash for it");
  CHECK_FALSE(parse_record_hash("sha256", hash, why));
}

TEST_CASE("entry points are read") {
  const auto got = parse_entry_points(
      "# comment\n; comment\n[console_scripts]\nRun-It = demo.cli:main\n"
      "  indented=demo:App.run [extra1, extra2]\r\nwith:colon = demo : main\n"
      "[other]\nbroken line\nname = whatever\n[ gui_scripts ]\nwin = demo.gui:start\n",
      "demo 1.0", "e");
  REQUIRE(got.size() == 4);
  CHECK(got[0] == EntryPoint{"Run-It", "demo.cli", "main", false});
  CHECK(got[1] == EntryPoint{"indented", "demo", "App.run", false});
  CHECK(got[2] == EntryPoint{"with:colon", "demo", "main", false});
  CHECK(got[3] == EntryPoint{"win", "demo.gui", "start", true});
  CHECK(parse_entry_points("", "w", "e").empty());
  CHECK(parse_entry_points("[console_scripts]\na = b:c\na = b:c\n", "w", "e").size() == 1);
}

TEST_CASE("F064_entry_point_names_that_leave_bin_are_refused") {
  const auto why = [](const std::string& line) {
    const Error error = thrown_error(
        [&] { parse_entry_points("[console_scripts]\n" + line + "\n", "w 1", "e.txt"); });
    CHECK(error.code() == ExitCode::kInvalidLock);
    CHECK(std::string(error.what()) == "an invalid entry point");
    CHECK(error.where() == "w 1: e.txt");
    return error.why();
  };
  CHECK(why("../x = a:b") == "'../x = a:b': the name holds a '/'");
  CHECK(why("/etc/x = a:b") == "'/etc/x = a:b': the name holds a '/'");
  CHECK(why(".. = a:b") == "'.. = a:b': the path has a '..' component");
  CHECK(why("= a:b") == "'= a:b': the path is empty");
  CHECK(why("a\\b = a:b") == "'a\\b = a:b': the name holds a '\\'");
  CHECK(why("a\tb = a:b") == "'a\tb = a:b': the path holds a control character");
  for (const std::string name :
       {"python", "Python3", "python3.11", "python3.13t", "pythonw", "pypy3"}) {
    CHECK(why(name + " = a:b") == "'" + name + " = a:b': the name is an interpreter's");
  }
  CHECK(script_name_problem("pythonic").empty());
  CHECK(script_name_problem("python-config").empty());
  CHECK(why("x") == "'x': it has no '='");
  CHECK(why("x = module") == "'x = module': a script needs 'module:function'");
  // Would be code in the program's text.
  for (const char* bad : {"x = a:b;evil", "x = a b:c", "x = a:b()", "x = .a:b", "x = a..b:c",
                          "x = 1a:b", "x = a:", "x = :b", "x = a:b:c", "x = a:b."}) {
    INFO(bad);
    CHECK_THAT(why(bad), Catch::EndsWith("module and function must be Python names"));
  }
  CHECK(why("x = a:b\nx = a:c") == "'x = a:c': the name stands there twice");
}

TEST_CASE("the text of an entry point's program") {
  CHECK(entry_point_script({"my-tool", "pkg.mod", "App.run", false}) ==
        "#!/usr/bin/env python3\n"
        "import os\n"
        "import sys\n"
        "\n"
        "from pkg.mod import App\n"
        "\n"
        "if __name__ == \"__main__\":\n"
        "    sys.argv[0] = os.path.join(sys.prefix, \"bin\", \"my-tool\")\n"
        "    sys.exit(App.run())\n");
  CHECK_THAT(entry_point_script({"a\"b", "m", "f", false}), Catch::Contains("\"a\\\"b\""));
}
