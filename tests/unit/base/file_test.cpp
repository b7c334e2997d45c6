#include "installer/base/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/base/faulty_sys.hpp"

using eb::as_bytes;
using eb::as_text;
using eb::ExitCode;
using eb::Fd;
using eb::test::FaultySys;
using eb::test::TempDir;
using eb::test::thrown_error;

namespace {

constexpr int kShort = FaultySys::kShort;

/// A folder, a Sys with faults, and a descriptor of the folder.
struct Fixture {
  TempDir folder;
  FaultySys sys;
  Fd dir = eb::open_dir_at(eb::real_sys(), AT_FDCWD, folder.path().c_str(), "folder");

  void put(const char* name, const std::string& text) const {
    std::ofstream(folder.path() / name) << text;
  }
  std::string get(const char* name) const {
    std::ifstream in(folder.path() / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool has(const char* name) const { return std::filesystem::exists(folder.path() / name); }
  Fd open(const char* name, int flags = O_RDWR) {
    return eb::open_at(sys, dir.get(), name, flags, 0, name);
  }
};

}  // namespace

TEST_CASE("F112_a_mode_is_not_set_through_a_link") {
  const TempDir dir;
  const auto target = dir.path() / "target";
  std::ofstream(target) << "x";
  std::filesystem::permissions(target, std::filesystem::perms(0600));
  std::filesystem::create_symlink("target", dir.path() / "link");
  CHECK(eb::real_sys().fchmodat(AT_FDCWD, (dir.path() / "link").c_str(), 0644) == -ELOOP);
  CHECK(std::filesystem::status(target).permissions() == std::filesystem::perms(0600));
  CHECK(eb::real_sys().fchmodat(AT_FDCWD, target.c_str(), 0644) == 0);
  CHECK(std::filesystem::status(target).permissions() == std::filesystem::perms(0644));
  // Also where nobody may open it.
  std::filesystem::permissions(target, std::filesystem::perms(0));
  CHECK(eb::real_sys().fchmodat(AT_FDCWD, target.c_str(), 0755) == 0);
  CHECK(std::filesystem::status(target).permissions() == std::filesystem::perms(0755));
}

TEST_CASE("F120_interrupted_and_short_reads_are_repeated") {
  Fixture f;
  f.put("a", "0123456789");
  f.sys.script = {{"openat", {-EINTR, -EINTR}},
                  {"read", {-EINTR, kShort, -EINTR, kShort}},
                  {"pread", {kShort, -EINTR}}};
  const Fd fd = f.open("a");
  char buffer[16] = {};
  CHECK(eb::read_up_to(f.sys, fd.get(), buffer, 8, "a") == 8);
  CHECK(std::string_view(buffer, 8) == "01234567");
  CHECK(eb::read_up_to(f.sys, fd.get(), buffer, 8, "a") == 2);
  CHECK(eb::pread_up_to(f.sys, fd.get(), buffer, 4, 3, "a") == 4);
  CHECK(std::string_view(buffer, 4) == "3456");
  CHECK(eb::pread_up_to(f.sys, fd.get(), buffer, 4, 9, "a") == 1);
  CHECK(eb::pread_up_to(f.sys, fd.get(), buffer, 4, 100, "a") == 0);
}

TEST_CASE("F120_interrupted_and_short_writes_are_repeated") {
  Fixture f;
  f.sys.script = {{"write", {-EINTR, kShort, -EINTR, kShort}}, {"pwrite", {kShort, -EINTR}}};
  Fd fd = eb::create_at(f.sys, f.dir.get(), "a", 0644, "a");
  eb::write_all(f.sys, fd.get(), as_bytes("hello world"), "a");
  eb::pwrite_all(f.sys, fd.get(), as_bytes("J.."), 0, "a");
  eb::close_written(f.sys, std::move(fd), "a");
  CHECK(f.get("a") == "J..lo world");
}

TEST_CASE("a failed read or write is an error with its path") {
  Fixture f;
  f.put("a", "0123456789");
  const Fd fd = f.open("a");
  f.sys.script = {{"read", {kShort, -EIO}},
                  {"pread", {kShort, -ESTALE}},
                  {"write", {-ENOSPC}},
                  {"pwrite", {-EDQUOT}}};
  char buffer[4];
  const eb::Error read = thrown_error([&] { eb::read_up_to(f.sys, fd.get(), buffer, 4, "x/a"); });
  CHECK(read.code() == ExitCode::kIo);
  CHECK(read.where() == "x/a");
  CHECK(read.why() == "Input/output error (EIO)");
  const eb::Error pread =
      thrown_error([&] { eb::pread_up_to(f.sys, fd.get(), buffer, 4, 0, "x/a"); });
  CHECK(pread.where() == "x/a");
  CHECK(pread.why() == "Stale file handle (ESTALE)");
  CHECK(thrown_error([&] { eb::write_all(f.sys, fd.get(), as_bytes("x"), "a"); }).code() ==
        ExitCode::kNoSpace);
  CHECK(thrown_error([&] { eb::pwrite_all(f.sys, fd.get(), as_bytes("x"), 0, "a"); }).code() ==
        ExitCode::kNoSpace);
}

TEST_CASE("a write that takes nothing is an error and no endless loop") {
  Fixture f;
  f.put("a", "0123456789");
  const Fd fd = f.open("a");
  f.sys.script = {{"write", {FaultySys::kNothing}}, {"pwrite", {FaultySys::kNothing}}};
  const eb::Error write = thrown_error([&] { eb::write_all(f.sys, fd.get(), as_bytes("x"), "a"); });
  CHECK(write.code() == ExitCode::kIo);
  CHECK(write.why() == "Input/output error (EIO)");
  const eb::Error pwrite =
      thrown_error([&] { eb::pwrite_all(f.sys, fd.get(), as_bytes("x"), 0, "a"); });
  CHECK(pwrite.code() == ExitCode::kIo);
  CHECK(f.get("a") == "0123456789");
}

TEST_CASE("F116_an_error_at_close_counts_and_an_interrupted_close_does_not") {
  Fixture f;
  f.sys.script = {{"close", {-EDQUOT, -EINTR}}};
  Fd a = eb::create_at(f.sys, f.dir.get(), "a", 0644, "a");
  CHECK(thrown_error([&] { eb::close_written(f.sys, std::move(a), "a"); }).code() ==
        ExitCode::kNoSpace);
  Fd b = eb::create_at(f.sys, f.dir.get(), "b", 0644, "b");
  eb::close_written(f.sys, std::move(b), "b");
  CHECK(std::ranges::count(f.sys.calls, "close") == 2);
}

TEST_CASE("a descriptor is closed once, and moves") {
  Fixture f;
  f.put("a", "x");
  {
    Fd a = f.open("a");
    Fd b = std::move(a);
    CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): the state after a move is the subject
    CHECK(b);
    Fd& same = b;
    b = std::move(same);
    CHECK(b);
    b = f.open("a");
    CHECK(std::ranges::count(f.sys.calls, "close") == 1);
  }
  CHECK(std::ranges::count(f.sys.calls, "close") == 2);
}

TEST_CASE("opening closes on exec and does not follow a link to a directory") {
  Fixture f;
  f.put("a", "x");
  f.open("a");
  CHECK((f.sys.last_open_flags & O_CLOEXEC) != 0);
  std::filesystem::create_directory(f.folder.path() / "d");
  std::filesystem::create_directory_symlink("d", f.folder.path() / "l");
  CHECK(eb::open_dir_at(f.sys, f.dir.get(), "d", "d"));
  const eb::Error link = thrown_error([&] { eb::open_dir_at(f.sys, f.dir.get(), "l", "l"); });
  CHECK(link.why() == "Not a directory (ENOTDIR)");
  CHECK(std::string(thrown_error([&] { f.open("none"); }).what()) == "cannot open");
}

TEST_CASE("creating never takes an existing name, link or not") {
  Fixture f;
  f.put("a", "old");
  std::filesystem::create_symlink("elsewhere", f.folder.path() / "l");
  for (const char* name : {"a", "l"}) {
    CAPTURE(name);
    const eb::Error error =
        thrown_error([&] { eb::create_at(f.sys, f.dir.get(), name, 0644, name); });
    CHECK(error.why() == "File exists (EEXIST)");
  }
  CHECK(f.get("a") == "old");
  CHECK_FALSE(f.has("elsewhere"));
}

TEST_CASE("reading a whole file") {
  Fixture f;
  f.put("a", "0123456789");
  f.put("empty", "");
  f.sys.script = {{"read", {kShort, -EINTR, kShort}}};
  const auto read = [&](const char* name, size_t most) {
    return eb::read_file_at(f.sys, f.dir.get(), name, most, name);
  };
  CHECK(as_text(read("a", 10)) == "0123456789");
  CHECK(read("empty", 0).empty());
  const eb::Error large = thrown_error([&] { read("a", 9); });
  CHECK(large.code() == ExitCode::kIo);
  CHECK(large.why() == "10 bytes; at most 9 make sense here");
  // A file of /proc states no size, and all of it is read none the less.
  CHECK(as_text(read("/proc/self/cmdline", 1 << 20)).find("base_tests") != std::string_view::npos);
  CHECK(std::string(thrown_error([&] { read("/proc/self/stat", 5); }).what()) == "file too large");
  CHECK(std::string(thrown_error([&] { read(".", 10); }).what()) == "not a regular file");
  REQUIRE(mkfifo((f.folder.path() / "fifo").c_str(), 0600) == 0);
  CHECK(std::string(thrown_error([&] { read("fifo", 10); }).what()) == "not a regular file");
}

TEST_CASE("a file that nothing can be said of is not read") {
  Fixture f;
  f.put("a", "x");
  f.sys.script = {{"fstat", {-EIO}}};
  const eb::Error error =
      thrown_error([&] { eb::read_file_at(f.sys, f.dir.get(), "a", 10, "x/a"); });
  CHECK(std::string(error.what()) == "cannot look at");
  CHECK(error.where() == "x/a");
}

TEST_CASE("reading a link") {
  Fixture f;
  std::filesystem::create_symlink("some/where", f.folder.path() / "l");
  f.put("a", "x");
  CHECK(eb::read_link_at(f.sys, f.dir.get(), "l", "l") == "some/where");
  CHECK(thrown_error([&] { eb::read_link_at(f.sys, f.dir.get(), "a", "a"); }).why() ==
        "Invalid argument (EINVAL)");
}

TEST_CASE("a file is replaced as a whole") {
  Fixture f;
  f.put("a", "old");
  f.put(".tmp", "left over");
  f.sys.script = {{"write", {kShort, -EINTR}}};
  const mode_t mask = umask(0777);
  eb::replace_file_at(f.sys, f.dir.get(), "a", ".tmp", as_bytes("new"), 0640, "a");
  umask(mask);
  CHECK(f.get("a") == "new");
  CHECK_FALSE(f.has(".tmp"));
  struct stat info {};
  REQUIRE(stat((f.folder.path() / "a").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  const std::vector<std::string> expected = {"unlinkat", "openat",   "write", "write",
                                             "write",    "fchmod",   "fsync", "fstat",
                                             "close",    "renameat", "fsync"};
  CHECK(f.sys.calls == expected);
}

TEST_CASE("a replacement that fails before its rename changes nothing") {
  const std::pair<const char*, int> faults[] = {
      {"openat", -EACCES}, {"write", -ENOSPC}, {"fchmod", -EPERM}, {"fsync", -EIO},
      {"close", -EDQUOT},  {"renameat", -EIO}, {"fstat", -EIO}};
  for (const auto& [call, fault] : faults) {
    CAPTURE(call);
    Fixture f;
    f.put("a", "old");
    f.sys.script = {{call, {fault}}};
    const eb::Error error = thrown_error([&] {
      eb::replace_file_at(f.sys, f.dir.get(), "a", ".tmp", as_bytes("new"), 0644, "x/a");
    });
    CHECK(error.where() == "x/a");
    CHECK(f.get("a") == "old");
    CHECK_FALSE(f.has(".tmp"));
  }
}

TEST_CASE("a rename that was done counts, whatever its reply was") {
  Fixture f;
  f.put("a", "old");
  f.sys.script = {{"renameat", {FaultySys::kLost, FaultySys::kLost}}};
  eb::replace_file_at(f.sys, f.dir.get(), "a", ".tmp", as_bytes("new"), 0644, "a");
  CHECK(f.get("a") == "new");
  CHECK_FALSE(f.has(".tmp"));
  CHECK(eb::rename_at(f.sys, f.dir.get(), "a", f.dir.get(), "b") == 0);
  CHECK(f.get("b") == "new");
  f.sys.script = {{"renameat", {-EINTR}}};
  CHECK(eb::rename_at(f.sys, f.dir.get(), "b", f.dir.get(), "c") == 0);
  CHECK(f.get("c") == "new");
}

TEST_CASE("a rename that was not done is an error, whatever lies at its end") {
  Fixture f;
  f.put("a", "new");
  f.put("b", "old");
  const auto rename = [&](const char* from, const char* to) {
    return eb::rename_at(f.sys, f.dir.get(), from, f.dir.get(), to);
  };
  f.sys.script = {{"renameat", {-EIO, -EIO, -ENOENT}}};
  CHECK(rename("a", "b") == -EIO);  // another file
  CHECK(rename("a", "none") == -EIO);
  CHECK(rename("none", "b") == -ENOENT);
  // The same number on another file system is another file.
  f.sys.script = {{"renameat", {-EXDEV}}, {"fstatat", {FaultySys::kPass, FaultySys::kElsewhere}}};
  CHECK(rename("a", "a") == -EXDEV);
  CHECK(f.get("a") == "new");
  CHECK(f.get("b") == "old");
}

TEST_CASE("F124_a_directory_that_knows_no_sync_is_not_an_error") {
  for (const int error : {EINVAL, EOPNOTSUPP, ENOSYS}) {
    Fixture f;
    f.sys.script = {{"fsync", {FaultySys::kPass, -error}}};
    eb::replace_file_at(f.sys, f.dir.get(), "a", ".tmp", as_bytes("new"), 0644, "a");
    CHECK(f.get("a") == "new");
  }
}

TEST_CASE("a directory that cannot be synced after the rename is an error") {
  Fixture f;
  f.put("a", "old");
  f.sys.script = {{"fsync", {FaultySys::kPass, -EIO}}};
  const eb::Error error = thrown_error(
      [&] { eb::replace_file_at(f.sys, f.dir.get(), "a", ".tmp", as_bytes("new"), 0644, "a"); });
  CHECK(std::string(error.what()) == "cannot sync the directory");
  CHECK(f.get("a") == "new");
}

TEST_CASE("the list of a directory has every name but the two dots, any number of times") {
  Fixture f;
  f.put("a", "");
  f.put(".b", "");
  std::filesystem::create_directory(f.folder.path() / "d");
  for (int round = 0; round < 2; ++round) {
    std::vector<eb::DirEntry> entries;
    REQUIRE(eb::real_sys().list(f.dir.get(), &entries) == 0);
    std::vector<std::string> names;
    for (const eb::DirEntry& entry : entries) names.push_back(entry.name);
    std::ranges::sort(names);
    CHECK(names == std::vector<std::string>{".b", "a", "d"});
  }
  std::vector<eb::DirEntry> entries;
  CHECK(eb::real_sys().list(-1, &entries) == -EBADF);
}
