#include "bundler/lock/lock_diff.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

Artifact wheel(const std::string& name, const std::string& version, const std::string& content) {
  Artifact out;
  out.kind = ArtifactKind::kWheel;
  out.name = name;
  out.version = version;
  out.file_name = name + "-" + version + ".whl";
  out.digest = sha256(as_bytes(content));
  return out;
}

TEST_CASE("F067 a difference is told line by line, so that a strange name is seen") {
  Lock before;
  before.python = "3.11";
  before.prune = {"a"};
  before.artifacts = {wheel("gone", "1", "a"),       wheel("moved", "1", "b"),
                      wheel("rebuilt", "1", "c"),    wheel("renamed", "1", "d"),
                      wheel("relicensed", "1", "e"), wheel("same", "1", "f"),
                      wheel("asked", "1", "g")};
  Lock after = before;
  after.python = "3.12";
  after.cuda = "12.8";
  after.prune = {};
  after.artifacts = {wheel("moved", "2", "b2"),  wheel("rebuilt", "1", "c2"),
                     wheel("renamed", "1", "d"), wheel("relicensed", "1", "e"),
                     wheel("same", "1", "f"),    wheel("asked", "1", "g"),
                     wheel("new", "3", "h")};
  after.artifacts[2].file_name = "renamed-1-1.whl";
  after.artifacts[3].licence = "MIT";
  after.artifacts[5].asked_by = {"new"};
  const LockDiff diff = diff_locks(before, after);
  CHECK_FALSE(diff.empty());
  CHECK(render_diff(diff) ==
        "~ python 3.11 -> 3.12\n"
        "~ cuda none -> 12.8\n"
        "~ prune a -> none\n"
        "- wheel gone 1\n"
        "~ wheel asked 1: what asks for it, or where it goes\n"
        "~ wheel moved 1 -> 2\n"
        "~ wheel rebuilt 1: content " +
            sha256(as_bytes("c")).hex().substr(0, 12) + " -> " +
            sha256(as_bytes("c2")).hex().substr(0, 12) +
            "\n"
            "~ wheel relicensed 1: licence \"\" -> \"MIT\"\n"
            "~ wheel renamed 1: renamed-1.whl -> renamed-1-1.whl\n"
            "+ wheel new 3\n");
}

TEST_CASE("equal locks differ in nothing") {
  Lock lock;
  lock.artifacts = {wheel("a", "1", "a")};
  CHECK(diff_locks(lock, lock).empty());
  CHECK(render_diff(diff_locks(lock, lock)).empty());
}

}  // namespace
}  // namespace eb
