#include "bundler/stage/archive_stage.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "bundler/artifact/folder.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

std::string text(const Staging& staging, const std::string& path) {
  return std::string(as_text(staging.read(RelPath(path))));
}

Artifact artifact(ArtifactKind kind, std::string file_name) {
  Artifact out;
  out.kind = kind;
  out.name = "site";
  out.version = "1";
  out.file_name = std::move(file_name);
  return out;
}

}  // namespace

TEST_CASE("a tar archive is staged below its destination, stripped") {
  TempDir dir;
  write_file(
      dir.path() / "cached",
      compress(
          tar_entry({.name = "python/", .type = '5'}) +
              tar_entry({.name = "python/bin/python3", .mode = "0004755"}, "elf") +
              tar_entry({.name = "python/bin/python", .type = '2', .link = "python3"}) +
              tar_entry({.name = "python/bin/again", .type = '1', .link = "python/bin/python3"}) +
              tar_entry({.name = "python/empty/", .type = '5'}) +
              tar_entry({.name = "toplevel"}, "left out") + tar_end(),
          archive_write_add_filter_zstd));
  Artifact tar = artifact(ArtifactKind::kTar, "cpython.tar.zst");
  tar.strip_components = 1;
  tar.destination = "opt/py";
  Staging staging(dir.path() / "tree");
  stage_tar(dir.path() / "cached", tar, staging);
  CHECK(text(staging, "opt/py/bin/python3") == "elf");
  struct stat info {};
  REQUIRE(lstat(staging.host_path(RelPath("opt/py/bin/python3")).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
  CHECK(text(staging, "opt/py/bin/again") == "elf");
  CHECK(staging.find(RelPath("opt/py/bin/again"))->executable);
  CHECK(staging.find(RelPath("opt/py/bin/python"))->target == "python3");
  CHECK(staging.find(RelPath("opt/py/empty")) != nullptr);
  CHECK(staging.items().size() == 7);
  CHECK(staging.find(RelPath("opt"))->origins == std::vector<std::string>{"site 1"});
}

TEST_CASE("a tar archive at the root, with what must be refused") {
  TempDir dir;
  const auto refusal = [&dir](const std::string& entries, uint32_t strip = 0) {
    write_file(dir.path() / "t.tar", entries + tar_end());
    Artifact tar = artifact(ArtifactKind::kTar, "t.tar");
    tar.strip_components = strip;
    std::filesystem::remove_all(dir.path() / "tree");
    Staging staging(dir.path() / "tree");
    const Error error = thrown_error([&] { stage_tar(dir.path() / "t.tar", tar, staging); });
    return std::string(error.what()) + " | " + error.where() + " | " + error.why();
  };
  CHECK(refusal(tar_entry({.name = "l", .type = '2', .link = "/etc/passwd"})) ==
        "a symlink leads out of the release | l of site 1 | its target is '/etc/passwd'");
  CHECK(refusal(tar_entry({.name = "h", .type = '1', .link = "missing"})) ==
        "a hard link to what is no file of the archive | site 1: h | it is a link to missing");
  CHECK(refusal(tar_entry({.name = "top"}) + tar_entry({.name = "d/h", .type = '1', .link = "top"}),
                1) ==
        "a hard link to what is no file of the archive | site 1: d/h | it is a link to top");
  Staging staging(dir.path() / "other");
  Artifact tar = artifact(ArtifactKind::kTar, "t.tar");
  tar.destination = "../out";
  const Error error = thrown_error([&] { stage_tar(dir.path() / "t.tar", tar, staging); });
  CHECK(std::string(error.what()) == "an artifact has a bad destination");
  CHECK(error.code() == ExitCode::kInvalidLock);
}

TEST_CASE("a file is staged; its content says whether it can be executed") {
  TempDir dir;
  Staging staging(dir.path() / "tree");
  const auto stage = [&](const std::string& name, const std::string& content, const char* to) {
    write_file(dir.path() / "cached", content);
    Artifact file = artifact(ArtifactKind::kFile, name);
    file.destination = to;
    stage_file(dir.path() / "cached", file, staging);
  };
  stage("motd", "hello", "etc");
  stage("run.sh", "#!/bin/sh\n", "");
  stage("tool", "\177ELF...", "libexec");
  stage("empty", "", "etc");
  CHECK(text(staging, "etc/motd") == "hello");
  CHECK_FALSE(staging.find(RelPath("etc/motd"))->executable);
  CHECK(staging.find(RelPath("run.sh"))->executable);
  CHECK(staging.find(RelPath("libexec/tool"))->executable);
  CHECK(text(staging, "etc/empty").empty());
  CHECK(thrown_error([&] { stage("../x", "x", ""); }).code() == ExitCode::kInvalidLock);
}

TEST_CASE("a folder is staged when it is still the one of the lock") {
  TempDir dir;
  const auto source = dir.path() / "source";
  std::filesystem::create_directories(source / "d/empty");
  write_file(source / "d/run", "#!");
  chmod((source / "d/run").c_str(), 0755);
  write_file(source / "plain", "p");
  REQUIRE(symlink("d/run", (source / "link").c_str()) == 0);
  Artifact folder = artifact(ArtifactKind::kFolder, "source");
  folder.destination = "share/site";
  folder.digest = list_folder(source).digest();
  {
    Staging staging(dir.path() / "tree");
    stage_folder(source, folder, staging);
    CHECK(text(staging, "share/site/plain") == "p");
    CHECK(staging.find(RelPath("share/site/d/run"))->executable);
    CHECK(staging.find(RelPath("share/site/link"))->target == "d/run");
    CHECK(staging.find(RelPath("share/site/d/empty")) != nullptr);
  }
  write_file(source / "plain", "q");
  Staging staging(dir.path() / "tree2");
  const Error error = thrown_error([&] { stage_folder(source, folder, staging); });
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(std::string(error.what()) == "the folder is not the one that the lock names");
  CHECK(staging.items().empty());
}
