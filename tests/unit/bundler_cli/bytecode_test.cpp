#include "bundler/cli/bytecode.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "../bundler_pack/scratch.hpp"
#include "bundler/cli/child_process.hpp"
#include "bundler/cli/embedded.hpp"
#include "bundler/cli/stage_lock.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

using test::read_bytes;
using test::read_text;
using test::Scratch;

/// Some python3.N of this machine stands for a staged one; "" when there is none.
std::filesystem::path host_python() {
  for (int minor = 8; minor < 30; ++minor) {
    const std::filesystem::path path = "/usr/bin/python3." + std::to_string(minor);
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

struct Tree3 {
  std::string name;     ///< python3.N
  std::string library;  ///< lib/python3.N
  RelPath interpreter{"bin/python3"};
};

Tree3 fill(Staging& staging, const std::filesystem::path& python) {
  Tree3 out;
  out.name = python.filename().string();
  out.library = "lib/" + out.name;
  out.interpreter = RelPath("bin/" + out.name);
  staging.add_file(out.interpreter, as_bytes("#!/bin/sh\nexec " + python.string() + " \"$@\"\n"),
                   true, "test");
  const auto add = [&](const std::string& path, const std::string& text) {
    staging.add_file(RelPath(out.library + "/" + path), as_bytes(text), false, "test");
  };
  // The same names in many files: what one compilation interns must not show in the next.
  for (int i = 0; i < 30; ++i) {
    const std::string n = std::to_string(i);
    add("m" + n + ".py", "import os\nshared_name_" + std::to_string(i % 3) +
                             " = {'alpha', 'beta', 'gamma'}\ndef f" + n +
                             "(first, second):\n    return first in {'x', 'y', 'z', None, 1}\n");
  }
  add("site-packages/pkg/__init__.py", "value = 1\n");
  add("site-packages/pkg/template.py", "{% if x %}\n");
  add("site-packages/pkg/python2.py", "print 'hello'\n");
  add("site-packages/pkg/latin.py", "# -*- coding: latin-1 -*-\nname = '\xe9'\n");
  add("site-packages/pkg/bad_utf8.py", "name = '\xe9'\n");
  add("site-packages/pkg/empty.py", "");
  staging.add_file(RelPath("share/outside.py"), as_bytes("x = 1\n"), false, "test");
  return out;
}

TEST_CASE("bytecode is unchecked-hash, free of places, and the same for any number of jobs") {
  const std::filesystem::path python = host_python();
  if (python.empty()) {
    WARN("skipped: no python3.N in /usr/bin");
    return;
  }
  const Scratch scratch;
  NullSink events;
  Staging one(scratch / "one");
  const Tree3 tree = fill(one, python);
  const BytecodeResult result = compile_bytecode(one, tree.interpreter, 1, events);
  CHECK(result.python_version.starts_with(tree.name.substr(6) + "."));
  CHECK(result.compiled == 33);
  CHECK(result.skipped ==
        std::vector<std::string>{tree.library + "/site-packages/pkg/bad_utf8.py",
                                 tree.library + "/site-packages/pkg/python2.py",
                                 tree.library + "/site-packages/pkg/template.py"});

  Staging other(scratch / "another/and/deeper");
  fill(other, python);
  compile_bytecode(other, tree.interpreter, 4, events);
  const auto entries = tree_of(one).entries;
  CHECK(entries == tree_of(other).entries);

  const std::string tag = "cpython-3" + tree.name.substr(8);
  size_t seen = 0;
  for (const Entry& entry : entries) {
    if (!entry.path.name().ends_with(".pyc")) continue;
    ++seen;
    CHECK(entry.path.name().ends_with("." + tag + ".pyc"));
    const std::string pyc = read_text(one.host_path(entry.path));
    REQUIRE(pyc.size() > 16);
    // PEP 552: flags 1 = hash-based, never compared with the source.
    CHECK(pyc.substr(4, 4) == std::string("\1\0\0\0", 4));
    CHECK(pyc.find(scratch.root().string()) == std::string::npos);
  }
  CHECK(seen == 33);
}

TEST_CASE("bytecode that an artifact brings stays") {
  const std::filesystem::path python = host_python();
  if (python.empty()) {
    WARN("skipped: no python3.N in /usr/bin");
    return;
  }
  const Scratch scratch;
  Staging staging(scratch / "t");
  const Tree3 tree = fill(staging, python);
  const RelPath cache(tree.library + "/__pycache__/m0.cpython-3" + tree.name.substr(8) + ".pyc");
  staging.add_file(cache, as_bytes("the vendor's"), false, "vendor");
  NullSink events;
  CHECK(compile_bytecode(staging, tree.interpreter, 2, events).compiled == 32);
  CHECK(read_text(staging.host_path(cache)) == "the vendor's");
}

TEST_CASE("the compiler's workers stop when it was ended") {
  const std::filesystem::path python = host_python();
  if (python.empty()) {
    WARN("skipped: no python3.N in /usr/bin");
    return;
  }
  constexpr size_t kFiles = 24;
  const Scratch scratch;
  std::string listing;
  std::string source = "x = [\n";  // a tenth of a second each
  for (int i = 0; i < 10000; ++i) source += "{'key': [1, 2, 3]},\n";
  source += "]\n";
  for (size_t i = 0; i < kFiles; ++i) {
    const std::string name = "m" + std::to_string(i) + ".py";
    std::ofstream(scratch / name) << source;
    listing += name + '\0';
  }
  std::ofstream(scratch / "list") << listing;
  // Its output is a file, which unlike a pipe does not end a worker that writes to it.
  const ChildProcess shell{
      .argv = {"/bin/sh", "-c",
               "\"$0\" -I -S -B -c \"$1\" 2 3<list >out & pid=$!; n=0\n"
               "until grep -q + out || [ $n = 600 ]; do sleep 0.05; n=$((n + 1)); done\n"
               "kill $pid; wait $pid",
               python.string(), std::string(embedded_bytecode_script())},
      .environment = {"PATH=/usr/bin:/bin"},
      .folder = scratch.root().string(),
      .input = ""};
  CHECK(run_child(shell, [](std::string_view) {}).status == 128 + SIGTERM);
  const auto compiled = [&] { return std::ranges::count(read_text(scratch / "out"), '+'); };
  auto before = compiled();
  CHECK(before > 0);
  for (int quiet = 0, n = 0; quiet < 4 && n < 200; ++n) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    const auto now = compiled();
    quiet = now == before ? quiet + 1 : 0;
    before = now;
  }
  CHECK(before < static_cast<std::ptrdiff_t>(kFiles));
}

TEST_CASE("an interpreter that cannot run is an error that says so") {
  const Scratch scratch;
  Staging staging(scratch / "t");
  staging.add_file(RelPath("bin/python3.11"),
                   as_bytes("#!/bin/sh\necho 'cannot execute' >&2\nexit 9\n"), true, "test");
  staging.add_file(RelPath("lib/python3.11/x.py"), as_bytes("x = 1\n"), false, "test");
  NullSink events;
  REQUIRE(staged_interpreter(staging) == RelPath("bin/python3.11"));
  try {
    compile_bytecode(staging, RelPath("bin/python3.11"), 1, events);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kIo);
    CHECK(std::string(error.what()) == "the staged Python cannot make bytecode");
    CHECK(error.why() == "cannot execute");
  }
}

TEST_CASE("a child gets its environment, its folder, descriptor 3, and nothing else") {
  const Scratch scratch;
  const ChildProcess child{
      .argv = {"/bin/sh", "-c",
               "pwd; cat <&3; echo; env | grep -v '^_=\\|^PWD=\\|^SHLVL=' | sort; "
               "ls /proc/self/fd | wc -l; echo bad >&2; exit 7"},
      .environment = {"A=1", "PATH=/usr/bin:/bin"},
      .folder = scratch.root().string(),
      .input = "from three"};
  std::vector<std::string> lines;
  const ChildResult result =
      run_child(child, [&](std::string_view line) { lines.emplace_back(line); });
  CHECK(result.status == 7);
  CHECK(result.errors == "bad\n");
  // ls itself has 0, 1, 2, 3 and the folder that it lists.
  CHECK(lines == std::vector<std::string>{scratch.root().string(), "from three", "A=1",
                                          "PATH=/usr/bin:/bin", "5"});
}

TEST_CASE("a child that a signal ends, and one that does not exist") {
  const auto run = [](std::vector<std::string> argv) {
    return run_child({.argv = std::move(argv), .environment = {}, .folder = "/", .input = ""},
                     [](std::string_view) {})
        .status;
  };
  CHECK(run({"/bin/sh", "-c", "kill -9 $$"}) == 137);
  try {
    run({"/nonexistent/program"});
    FAIL("started");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kIo);
    CHECK(error.where() == "/nonexistent/program");
  }
}

}  // namespace
}  // namespace eb
