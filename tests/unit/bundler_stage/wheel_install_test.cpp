#include "bundler/stage/wheel_install.hpp"

#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/support/wheel_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

const std::string kSite = "lib/python3.11/site-packages/";

struct Installed {
  TempDir dir;
  std::unique_ptr<Staging> staging;
  InstalledWheel result;

  explicit Installed(const WheelMaker& maker, bool requested = false) {
    const auto path = dir.path() / maker.file_name();
    std::ofstream(path, std::ios::binary) << maker.build();
    const Wheel wheel(path, maker.file_name(), "demo 1.0");
    staging = std::make_unique<Staging>(dir.path() / "tree");
    result = install_wheel(wheel, {.python = "3.11", .requested = requested}, "demo 1.0", *staging);
  }

  std::string text(const std::string& path) const {
    return std::string(as_text(staging->read(RelPath(path))));
  }
  const Staging::Item* find(const std::string& path) const { return staging->find(RelPath(path)); }
};

std::string refusal(const WheelMaker& maker) {
  const Error error = thrown_error([&] { const Installed installed(maker); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  return std::string(error.what()) + " | " + error.where() + " | " + error.why();
}

}  // namespace

TEST_CASE("a wheel goes where the standard puts it") {
  const Installed got(
      {.name = "Demo.X",
       .files = {{.name = "demo/__init__.py", .content = "x = 1\n"},
                 {.name = "demo/tool", .content = "bin", .mode = 0100755},
                 {.name = "demo/sub/", .mode = 040755},
                 {.name = "Demo.X-1.0.data/purelib/pure.py", .content = "p"},
                 {.name = "Demo.X-1.0.data/platlib/plat.py", .content = "q"},
                 {.name = "Demo.X-1.0.data/data/share/demo/d,1.txt", .content = "d"},
                 {.name = "Demo.X-1.0.data/headers/demo.h", .content = "h"},
                 {.name = "Demo.X-1.0.data/scripts/run", .content = "#!python\nx\n"},
                 {.name = "Demo.X-1.0.data/scripts/win", .content = "#!pythonw"},
                 {.name = "Demo.X-1.0.data/scripts/elf", .content = "\177ELF #!python"},
                 {.name = "Demo.X-1.0.data/scripts/sh", .content = "#!/bin/sh\n"}},
       .entry_points = "[console_scripts]\ncli = demo.cli:main\n"
                       "[gui_scripts]\ngui = demo.gui:main\n"},
      true);
  CHECK(got.text(kSite + "demo/__init__.py") == "x = 1\n");
  CHECK_FALSE(got.find(kSite + "demo/__init__.py")->executable);
  CHECK(got.find(kSite + "demo/tool")->executable);
  CHECK(got.text(kSite + "pure.py") == "p");
  CHECK(got.text(kSite + "plat.py") == "q");
  CHECK(got.text("share/demo/d,1.txt") == "d");
  CHECK(got.text("include/python3.11/Demo.X/demo.h") == "h");
  CHECK(got.text("bin/run") == "#!/usr/bin/env python3\nx\n");
  CHECK(got.text("bin/win") == "#!/usr/bin/env python3\n");
  CHECK(got.text("bin/elf") == "\177ELF #!python");
  CHECK(got.text("bin/sh") == "#!/bin/sh\n");
  for (const char* name : {"bin/run", "bin/win", "bin/elf", "bin/sh", "bin/cli", "bin/gui"}) {
    CHECK(got.find(name)->executable);
  }
  CHECK(got.text("bin/cli") == entry_point_script({"cli", "demo.cli", "main", false}));
  CHECK(got.result.scripts.size() == 6);
  CHECK(got.result.warnings.empty());

  const std::string info = kSite + "Demo.X-1.0.dist-info/";
  CHECK(got.text(info + "INSTALLER") == "envbundle\n");
  CHECK(got.text(info + "REQUESTED").empty());
  CHECK(got.find(info + "direct_url.json") == nullptr);
  const std::string record = got.text(info + "RECORD");
  const auto line = [&got](const std::string& name, const std::string& path) {
    const Staging::Item& item = *got.find(path);
    return format_record_line({name, record_hash(item.digest), std::to_string(item.size_bytes)});
  };
  CHECK(record ==
        line("../../../bin/cli", "bin/cli") + line("../../../bin/elf", "bin/elf") +
            line("../../../bin/gui", "bin/gui") + line("../../../bin/run", "bin/run") +
            line("../../../bin/sh", "bin/sh") + line("../../../bin/win", "bin/win") +
            line("../../../include/python3.11/Demo.X/demo.h", "include/python3.11/Demo.X/demo.h") +
            line("../../../share/demo/d,1.txt", "share/demo/d,1.txt") +
            line("Demo.X-1.0.dist-info/INSTALLER", info + "INSTALLER") +
            line("Demo.X-1.0.dist-info/METADATA", info + "METADATA") +
            "Demo.X-1.0.dist-info/RECORD,,\n" +
            line("Demo.X-1.0.dist-info/REQUESTED", info + "REQUESTED") +
            line("Demo.X-1.0.dist-info/WHEEL", info + "WHEEL") +
            line("Demo.X-1.0.dist-info/entry_points.txt", info + "entry_points.txt") +
            line("demo/__init__.py", kSite + "demo/__init__.py") +
            line("demo/tool", kSite + "demo/tool") + line("plat.py", kSite + "plat.py") +
            line("pure.py", kSite + "pure.py"));
  CHECK(record.find("\"../../../share/demo/d,1.txt\"") != std::string::npos);
}

TEST_CASE("setuptools' scripts for entry points are left out") {
  const Installed got({.files = {{.name = "demo-1.0.data/scripts/cli", .content = "#!python\nold"},
                                 {.name = "demo-1.0.data/scripts/cli-script.py", .content = "old"},
                                 {.name = "demo-1.0.data/scripts/CLI.exe", .content = "kept"},
                                 {.name = "demo-1.0.data/scripts/cli.exe", .content = "old"}},
                       .entry_points = "[console_scripts]\ncli = demo:main\n"});
  CHECK(got.text("bin/cli") == entry_point_script({"cli", "demo", "main", false}));
  CHECK(got.find("bin/cli-script.py") == nullptr);
  CHECK(got.find("bin/cli.exe") == nullptr);
  CHECK(got.find("bin/CLI.exe") != nullptr);
}

TEST_CASE("a wheel's own INSTALLER and direct_url.json are left out with a warning") {
  const Installed got({.files = {{.name = "demo-1.0.dist-info/INSTALLER", .content = "evil\n"},
                                 {.name = "demo-1.0.dist-info/direct_url.json", .content = "{}"}}});
  CHECK(got.text(kSite + "demo-1.0.dist-info/INSTALLER") == "envbundle\n");
  CHECK(got.find(kSite + "demo-1.0.dist-info/direct_url.json") == nullptr);
  CHECK(got.find(kSite + "demo-1.0.dist-info/REQUESTED") == nullptr);
  REQUIRE(got.result.warnings.size() == 2);
  CHECK(got.result.warnings[0] ==
        "demo 1.0: its own INSTALLER is left out, it tells of another installation");
}

TEST_CASE("F060_content_that_RECORD_does_not_say_is_refused") {
  const std::string other = record_hash(sha256(as_bytes("other")));
  const auto with_record = [&other](const std::string& name, const std::string& content) {
    return WheelMaker{
        .files = {{.name = name, .content = content}},
        .unrecorded = {name},
        .extra_record = name + "," + other + "," + std::to_string(content.size()) + "\n"};
  };
  CHECK(refusal(with_record("demo.py", "x = 1")) ==
        "a file is not what RECORD says | demo 1.0: demo.py | expected digest " +
            sha256(as_bytes("other")).hex() + ", got " + sha256(as_bytes("x = 1")).hex());
  CHECK_THAT(refusal(with_record("demo-1.0.data/scripts/run", "#!python\n")),
             Catch::StartsWith("a file is not what RECORD says"));
  CHECK_THAT(refusal(with_record("demo-1.0.data/scripts/run", "#!sh\n")),
             Catch::StartsWith("a file is not what RECORD says"));
  CHECK_THAT(refusal(with_record("demo-1.0.data/data/share/x", "x")),
             Catch::StartsWith("a file is not what RECORD says"));
}

TEST_CASE("stronger hashes of RECORD are checked and become sha256") {
  const std::string sha512_of_abc =
      "sha512=3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_"
      "uu9RU1EI2Q86A4qmslPpUyknw";
  WheelMaker maker{.files = {{.name = "demo.py", .content = "abc"}},
                   .unrecorded = {"demo.py"},
                   .extra_record = "demo.py," + sha512_of_abc + ",3\n"};
  const Installed got(maker);
  CHECK_THAT(got.text(kSite + "demo-1.0.dist-info/RECORD"),
             Catch::Contains("demo.py," + record_hash(sha256(as_bytes("abc"))) + ",3\n"));
  maker.files[0].content = "abd";
  CHECK_THAT(refusal(maker), Catch::StartsWith("a file is not what RECORD says"));
}

TEST_CASE("unknown schemes and stray files in .data are refused") {
  CHECK(refusal({.files = {{.name = "demo-1.0.data/etc/x", .content = "x"}}}) ==
        "an unknown scheme in the wheel's .data folder | demo 1.0: demo-1.0.data/etc/x | 'etc'; "
        "purelib, platlib, headers, scripts and data are known");
  CHECK(refusal({.files = {{.name = "demo-1.0.data/x", .content = "x"}}}) ==
        "a file of the wheel's .data folder belongs to no scheme | demo 1.0: demo-1.0.data/x | "
        "files are named NAME.data/SCHEME/PATH");
}

TEST_CASE("F064_scripts_that_leave_bin_or_hide_an_interpreter_are_refused") {
  CHECK(refusal({.files = {{.name = "demo-1.0.data/scripts/python3", .content = "x"}}}) ==
        "a script with a bad name | demo 1.0: demo-1.0.data/scripts/python3 | the name is an "
        "interpreter's");
  CHECK_THAT(refusal({.files = {{.name = "demo-1.0.data/scripts/a/b", .content = "x"}}}),
             Catch::EndsWith("the name holds a '/'"));
  CHECK_THAT(refusal({.entry_points = "[console_scripts]\n../../x = a:b\n"}),
             Catch::StartsWith("an invalid entry point"));
  // The headers' folder has the project's name, which METADATA says in words of its own.
  CHECK_THAT(refusal({.files = {{.name = "demo-1.0.data/headers/h", .content = "x"}},
                      .metadata = "Name: ../demo\nVersion: 1.0\n"}),
             Catch::StartsWith("a wheel whose metadata is of something else"));
}

TEST_CASE("F059_one_program_with_two_modes_is_a_conflict") {
  const Installed got({.files = {{.name = "demo-1.0.data/scripts/run", .content = "x"},
                                 {.name = "demo-1.0.data/data/bin/run", .content = "x"}}});
  const Error error = thrown_error([&] { got.staging->check_conflicts(); });
  CHECK(error.code() == ExitCode::kConflict);
  REQUIRE(error.hints().size() == 1);
  CHECK_THAT(error.hints()[0], Catch::StartsWith("bin/run: demo 1.0 brings an executable"));
}

TEST_CASE("a path that becomes too long is refused") {
  const std::string deep = std::string(200, 'a') + "/" + std::string(200, 'b') + "/" +
                           std::string(200, 'c') + "/" + std::string(200, 'd') + "/" +
                           std::string(200, 'e') + "/f";
  CHECK_THAT(refusal({.files = {{.name = deep, .content = "x"}}}),
             Catch::StartsWith("a file of the wheel cannot be placed"));
}
