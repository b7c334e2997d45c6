#include "bundler/cli/stage_lock.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "../bundler_pack/scratch.hpp"
#include "bundler/cli/release_notes.hpp"
#include "bundler/cli/work_folder.hpp"
#include "bundler/pack/tree.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;
using test::write_file;

void add(Staging& staging, const std::string& path, const std::string& text = "x") {
  staging.add_file(RelPath(path), as_bytes(text), false, "test");
}

std::vector<std::string> paths_of(const Staging& staging) {
  std::vector<std::string> out;
  for (const auto& [path, item] : staging.items()) out.push_back(path.str());
  return out;
}

TEST_CASE("the tree of a staging is what a scan of its folder gives") {
  const Scratch scratch;
  Staging staging(scratch / "t");
  staging.add_file(RelPath("bin/run"), as_bytes("#!/bin/sh\n"), true, "test");
  add(staging, "lib/a/b/c", "deep");
  staging.add_symlink(RelPath("lib/link"), "a/b", "test");
  staging.add_directory(RelPath("empty"), "test");
  CHECK(tree_of(staging).entries == scan_tree(scratch / "t", 1).entries);
}

TEST_CASE("patterns prune files, folders with all they hold, and nothing else") {
  const Scratch scratch;
  Staging staging(scratch / "t");
  for (const char* path : {"lib/p/tests/a.py", "lib/p/tests/data/b", "lib/p/tests.py", "lib/p/x.a",
                           "lib/q/tests/c.py", "share/man/man1/x.1"}) {
    add(staging, path);
  }
  CHECK(prune({"lib/*/tests", "*.a", "share/man", "nothing/*"}, staging) == 10);
  CHECK(paths_of(staging) ==
        std::vector<std::string>{"lib", "lib/p", "lib/p/tests.py", "lib/q", "share"});
  CHECK_FALSE(std::filesystem::exists(scratch / "t/lib/p/tests"));
}

TEST_CASE("F063 a conda package is refused, and nothing of it is run or read") {
  const Scratch scratch;
  // The file does not even exist: it is the kind that is refused.
  Lock lock;
  lock.manifest_name = "x";
  lock.platform = "linux-x86_64";
  Artifact package;
  package.kind = ArtifactKind::kConda;
  package.name = "tool";
  package.version = "1";
  package.file_name = "tool-1-0.conda";
  package.digest = sha256(as_bytes("content"));
  lock.artifacts = {package};
  Arrivals arrivals(lock, scratch / "");
  arrivals.arrived(package.digest, scratch / "tool-1-0.conda");
  Staging staging(scratch / "t");
  NullSink events;
  try {
    stage_lock(lock, arrivals, scratch / "work", 1, staging, events);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kInvalidLock);
    CHECK(error.where() == "tool-1-0.conda");
    CHECK(error.why() == "kind 'conda'");
  }
  CHECK(staging.items().empty());
}

TEST_CASE("licences of wheels are linked by name") {
  const Scratch scratch;
  Staging staging(scratch / "t");
  const std::string site = "lib/python3.11/site-packages/";
  add(staging, site + "Foo_Bar-1.0.dist-info/licenses/LICENSE.txt", "new place");
  add(staging, site + "Foo_Bar-1.0.dist-info/licenses/vendored/COPYING", "nested");
  add(staging, site + "old-2.dist-info/LICENCE", "old place");
  add(staging, site + "old-2.dist-info/METADATA", "no licence");
  add(staging, site + "pkg/LICENSE", "of a module, not of a wheel");
  add(staging, site + "pkg/x-1.dist-info/LICENSE", "vendored metadata");
  stage_wheel_licences(staging);
  CHECK(read_text(scratch / "t/share/licenses/foo-bar/LICENSE.txt") == "new place");
  CHECK(read_text(scratch / "t/share/licenses/foo-bar/vendored/COPYING") == "nested");
  CHECK(read_text(scratch / "t/share/licenses/old/LICENCE") == "old place");
  CHECK(std::distance(std::filesystem::directory_iterator(scratch / "t/share/licenses"), {}) == 2);
  CHECK(std::filesystem::read_symlink(scratch / "t/share/licenses/old/LICENCE") ==
        "../../../lib/python3.11/site-packages/old-2.dist-info/LICENCE");
}

Lock lock_with_licences(std::vector<std::string> licences) {
  Lock lock;
  lock.manifest_name = "sample";
  for (std::string& licence : licences) {
    Artifact artifact;
    artifact.name = "p" + std::to_string(lock.artifacts.size());
    artifact.licence = std::move(licence);
    lock.artifacts.push_back(std::move(artifact));
  }
  return lock;
}

TEST_CASE("the summary names each licence once, in a line") {
  CHECK(licence_summary(lock_with_licences({"MIT", "", "Apache-2.0", "MIT"})) == "Apache-2.0, MIT");
  const std::string text = licence_summary(
      lock_with_licences({"Permission is hereby granted\nto any person", std::string(500, 'x')}));
  CHECK(text == "Permission is hereby granted, " + std::string(120, 'x') + "...");
  // Cut between characters, never inside one.
  std::string accents;
  for (int i = 0; i < 100; ++i) accents += "\xc3\xa9";
  const std::string cut = licence_summary(lock_with_licences({"a" + accents}));
  CHECK(cut.size() == 1 + 2 * 59 + 3);
}

TEST_CASE("the package list is JSON with every artifact") {
  const Scratch scratch;
  Staging staging(scratch / "t");
  stage_package_list(lock_with_licences({"MIT", "BSD"}), staging);
  const auto document =
      nlohmann::json::parse(read_text(scratch / "t/share/envbundle/packages.json"));
  CHECK(document["name"] == "sample");
  REQUIRE(document["packages"].size() == 2);
  CHECK(document["packages"][1]["licence"] == "BSD");
}

TEST_CASE("a work folder goes with its owner, and with the next build when its owner was killed") {
  const Scratch scratch;
  write_file(scratch / ".out.work-dead01/release/bin/x", "left behind");
  write_file(scratch / ".other.work-dead01/x", "of another output");
  {
    const WorkFolder work(scratch.root(), "out");
    write_file(work.path() / "a/b", "x");
    CHECK_FALSE(std::filesystem::exists(scratch / ".out.work-dead01"));
    {
      const WorkFolder second(scratch.root(), "out");
      CHECK(second.path() != work.path());
      CHECK(std::filesystem::exists(work.path() / "a/b"));
    }
    CHECK(std::filesystem::exists(work.path() / "a/b"));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.root()), {}) == 1);
  try {
    const WorkFolder work(scratch / "missing", "out");
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kIo);
    CHECK_THAT(error.hints().at(0), Catch::Contains("--work-dir"));
  }
}

}  // namespace
}  // namespace eb
