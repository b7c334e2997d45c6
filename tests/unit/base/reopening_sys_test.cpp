#include "installer/base/reopening_sys.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "installer/base/file.hpp"
#include "tests/support/forgetful_server.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace {

using eb::Fd;
using eb::ReopeningSys;
namespace fs = std::filesystem;

struct Mount {
  eb::test::TempDir folder;
  eb::test::ForgetfulServer server;
  ReopeningSys sys{server};

  Mount() {
    fs::create_directories(at("a/b"));
    put("a/b/file", "0123456789");
  }
  fs::path at(const std::string& name) const { return folder.path() / name; }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
  Fd dir(int above, const std::string& name, int flags = O_RDONLY) {
    return eb::open_at(sys, above, name.c_str(), flags | O_DIRECTORY | O_NOFOLLOW, 0, name);
  }
  Fd top() { return dir(AT_FDCWD, folder.path().string()); }
};

TEST_CASE("F122 a folder that the server forgot is opened again, from the top") {
  Mount mount;
  for (const int flags : {O_RDONLY, O_PATH}) {
    const Fd top = mount.top();
    const Fd a = mount.dir(top.get(), "a", flags);
    const Fd b = mount.dir(a.get(), "b", flags);
    for (const Fd* fd : {&top, &a, &b}) mount.server.forget(fd->get());
    struct stat info {};
    CHECK(mount.sys.fstatat(b.get(), "file", &info, 0) == 0);
    CHECK(info.st_size == 10);
    mount.server.forget(b.get());
    CHECK(mount.sys.mkdirat(b.get(), "new", 0755) == 0);
    CHECK(mount.sys.renameat(b.get(), "new", a.get(), "moved") == 0);  // a was forgotten above
    CHECK(mount.sys.unlinkat(a.get(), "moved", AT_REMOVEDIR) == 0);
  }
}

TEST_CASE("F122 names are listed once") {
  Mount mount;
  const Fd top = mount.top();
  const Fd b = mount.dir(top.get(), "a/b");
  mount.server.forget(b.get());
  std::vector<eb::DirEntry> entries;
  CHECK(mount.sys.list(b.get(), &entries) == 0);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].name == "file");
}

TEST_CASE("F122 a file that the server forgot is read on where it was read to") {
  Mount mount;
  const Fd top = mount.top();
  const Fd file = eb::open_at(mount.sys, top.get(), "a/b/file", O_RDONLY, 0, "file");
  char text[11] = {};
  CHECK(mount.sys.read(file.get(), text, 4) == 4);
  mount.server.forget(file.get());
  CHECK(eb::read_up_to(mount.sys, file.get(), text + 4, 6, "file") == 6);
  CHECK(std::string(text) == "0123456789");
  mount.server.forget(file.get());
  CHECK(mount.sys.pread(file.get(), text, 2, 5) == 2);
  CHECK(text[0] == '5');
}

TEST_CASE("F122 what took the place of a file or folder is not taken for it") {
  Mount mount;
  const Fd top = mount.top();
  const Fd a = mount.dir(top.get(), "a");
  const Fd b = mount.dir(a.get(), "b");
  const Fd file = eb::open_at(mount.sys, b.get(), "file", O_RDONLY, 0, "file");
  fs::rename(mount.at("a"), mount.at("old"));
  fs::create_directories(mount.at("a/b"));
  mount.put("a/b/file", "another");
  for (const Fd* fd : {&a, &b, &file}) mount.server.forget(fd->get());
  struct stat info {};
  char byte = 0;
  CHECK(mount.sys.fstatat(b.get(), "file", &info, 0) == -ESTALE);
  CHECK(mount.sys.unlinkat(b.get(), "file", 0) == -ESTALE);
  CHECK(mount.sys.read(file.get(), &byte, 1) == -ESTALE);
  CHECK(fs::exists(mount.at("a/b/file")));
  // Nor is a link in a folder's place followed.
  fs::remove_all(mount.at("a"));
  fs::create_directory_symlink("old", mount.at("a"));
  CHECK(mount.sys.fstatat(a.get(), "b", &info, 0) == -ESTALE);
}

TEST_CASE("F122 F118 a file that is written is not exchanged for another descriptor of it") {
  Mount mount;
  const Fd top = mount.top();
  const Fd file = eb::create_at(mount.sys, top.get(), "new", 0644, "new");
  CHECK(mount.sys.write(file.get(), "x", 1) == 1);
  mount.server.forget(file.get());
  CHECK(mount.sys.write(file.get(), "y", 1) == -ESTALE);
  CHECK(mount.sys.fsync(file.get()) == -ESTALE);
  // Nor one that somebody opens to make it durable: what the old one held back would be lost.
  const Fd again = eb::open_at(mount.sys, top.get(), "new", O_RDONLY, 0, "new");
  mount.server.forget(again.get());
  CHECK(mount.sys.fsync(again.get()) == -ESTALE);
  mount.server.forget(top.get());
  CHECK(mount.sys.fsync(top.get()) == 0);
}

TEST_CASE("F122 a number that another file has now is that file's") {
  Mount mount;
  Fd top = mount.top();
  const int number = top.get();
  top.reset();
  const Fd raw(eb::real_sys(), ::open(mount.at("a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(raw.get() == number);
  mount.server.forget(number);
  struct stat info {};
  CHECK(mount.sys.fstatat(number, "b", &info, 0) == -ESTALE);
}

class Counting final : public eb::test::ForwardingSys {
 public:
  int stale = 0;  ///< so many calls answer ESTALE
  int calls = 0;
  int faccessat(int dir, const char* path, int mode) override {
    ++calls;
    return stale-- > 0 ? -ESTALE : ForwardingSys::faccessat(dir, path, mode);
  }
};

TEST_CASE("F122 three more tries, and then the answer is what it is") {
  for (int stale = 0; stale < 6; ++stale) {
    Counting inner;
    inner.stale = stale;
    ReopeningSys sys(inner);
    CHECK(sys.faccessat(AT_FDCWD, "/", F_OK) == (stale <= ReopeningSys::kTries ? 0 : -ESTALE));
    CHECK(inner.calls == std::min(stale, ReopeningSys::kTries) + 1);
  }
}

// Another machine puts a new file into the place of the one that is read.
class Exchanging final : public eb::test::ForgetfulServer {
 public:
  explicit Exchanging(fs::path file) : file_(std::move(file)) {}
  int times = 1;
  ssize_t read(int fd, void* buffer, size_t size) override {
    if (times-- > 0) {
      std::ofstream(file_.string() + ".new") << "new";
      fs::rename(file_.string() + ".new", file_);
      forget(fd);
    }
    return ForgetfulServer::read(fd, buffer, size);
  }

 private:
  fs::path file_;
};

TEST_CASE("F122 a small file that was exchanged while it was read is read anew") {
  const eb::test::TempDir folder;
  const fs::path file = folder.path() / "floor";
  std::ofstream(file) << "old";
  Exchanging server(file);
  ReopeningSys sys(server);
  const auto data = eb::read_file_at(sys, AT_FDCWD, file.c_str(), 100, "floor");
  CHECK(eb::as_text(data) == "new");
  server.times = 100;
  const eb::Error error =
      eb::test::thrown_error([&] { eb::read_file_at(sys, AT_FDCWD, file.c_str(), 100, "floor"); });
  CHECK(error.code() == eb::ExitCode::kIo);
  CHECK(error.cause() == ESTALE);
  CHECK_THAT(error.why(), Catch::Matchers::Contains("ESTALE"));
  REQUIRE(error.hints().size() == 1);
  CHECK_THAT(error.hints()[0], Catch::Matchers::Contains("the server no longer knows"));
}

}  // namespace
