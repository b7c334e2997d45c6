#include "installer/install/confinement.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "installer/base/error.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

class NoteLog final : public EventSink {
 public:
  void on(const Event& event) noexcept override {
    if (const auto* note = std::get_if<Note>(&event)) notes.push_back(note->text);
  }
  std::vector<std::string> notes;
};

struct Shop {
  MemoryDir dir;
  fs::path inside = dir.path() / "prefix";
  fs::path outside = dir.path() / "outside";
  Fd prefix;
  NoteLog events;
  bool between_folders = false;

  Shop() {
    fs::create_directory(inside);
    fs::create_directory(outside);
    prefix = open_dir_at(real_sys(), AT_FDCWD, inside.c_str(), inside.string());
  }
  void run(const std::function<void()>& work, std::optional<uint64_t> largest = std::nullopt) {
    run_confined({prefix.get(), largest, between_folders}, events, work);
  }
};

// 0 or errno.
int create(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

// What a child says that tries to become `true`: 0, or errno of execve.
int start_program() {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool here_is_landlock() {
  if (landlock_abi() > 0) return true;
  WARN("this kernel has no Landlock: only that nothing breaks is tested");
  return false;
}

TEST_CASE("what unpacks may write below the prefix and nowhere else") {
  Shop shop;
  write_text(shop.outside / "victim", "mine");
  write_text(shop.inside / "old", "old");
  std::vector<int> in, out;
  int in_other_thread = 0;
  shop.run([&] {
    in = {create(shop.inside / "file"), mkdir((shop.inside / "folder").c_str(), 0755),
          symlink("file", (shop.inside / "link").c_str()),
          rename((shop.inside / "file").c_str(), (shop.inside / "new").c_str()),
          unlink((shop.inside / "old").c_str())};
    out = {create(shop.outside / "file"), mkdir((shop.outside / "folder").c_str(), 0755),
           unlink((shop.outside / "victim").c_str()),
           ::open((shop.outside / "victim").c_str(), O_WRONLY | O_CLOEXEC),
           mkfifo((shop.inside / "fifo").c_str(), 0644)};
    std::thread([&] { in_other_thread = create(shop.outside / "thread"); }).join();
  });
  CHECK(in == std::vector<int>{0, 0, 0, 0, 0});
  REQUIRE(shop.events.notes.size() == 1);
  if (!here_is_landlock()) {
    CHECK_THAT(shop.events.notes[0], Catch::Matchers::StartsWith("unpacking is not confined: "));
    return;
  }
  CHECK_THAT(shop.events.notes[0],
             Catch::Matchers::StartsWith("unpacking may write below the prefix only"));
  CHECK(out == std::vector<int>{EACCES, -1, -1, -1, -1});
  CHECK(in_other_thread == EACCES);
  CHECK(snapshot(shop.outside).size() == 1);
  CHECK(read_text(shop.outside / "victim") == "mine");
}

TEST_CASE("from folder to folder below the prefix names may be moved and linked where ABI 2 is") {
  Shop shop;
  fs::create_directories(shop.inside / "a");
  fs::create_directories(shop.inside / "b");
  write_text(shop.inside / "a/x", "x");
  int moved = -1;
  int linked = -1;
  shop.run([&] {
    linked = link((shop.inside / "a/x").c_str(), (shop.inside / "b/y").c_str());
    moved = rename((shop.inside / "a/x").c_str(), (shop.inside / "b/x").c_str());
  });
  const int expected = landlock_abi() == 1 ? -1 : 0;
  CHECK(linked == expected);
  CHECK(moved == expected);
  // Whoever needs it is not confined where the kernel would refuse it.
  write_text(shop.inside / "a/needed", "x");
  shop.between_folders = true;
  shop.run([&] {
    moved = rename((shop.inside / "a/needed").c_str(), (shop.inside / "b/needed").c_str());
  });
  CHECK(moved == 0);
}

TEST_CASE("what comes after unpacking has lost nothing: it starts programs and writes elsewhere") {
  Shop shop;
  int inside = -1;
  int privileges = 0;
  shop.run([&] {
    inside = start_program();
    privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  });
  CHECK(privileges == 1);
  if (here_is_landlock()) CHECK(inside == EACCES);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
  CHECK(start_program() == 0);
  CHECK(create(shop.outside / "after") == 0);
}

TEST_CASE("no file becomes larger than the largest of the index, while it is unpacked") {
  Shop shop;
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  sigaction(SIGXFSZ, &ignore, &before);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const std::string text(4096, 'x');
  int result = 0;
  int refused = 0;
  shop.run(
      [&] {
        const int fd = ::open((shop.inside / "big").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        result = static_cast<int>(pwrite(fd, text.data(), text.size(), 100'000));
        // Beyond the largest file and the room that output gets.
        refused = pwrite(fd, text.data(), text.size(), off_t{1} << 33) < 0 ? errno : 0;
        ::close(fd);
      },
      200'000);
  sigaction(SIGXFSZ, &before, nullptr);
  CHECK(result == 4096);
  CHECK(refused == EFBIG);
  rlimit after{};
  getrlimit(RLIMIT_FSIZE, &after);
  CHECK(after.rlim_cur == limit.rlim_cur);
}

TEST_CASE("an error of what is confined comes out as it is") {
  Shop shop;
  const Error error = thrown_error(
      [&] { shop.run([] { throw Error(ExitCode::kNoSpace, "no room").where("there"); }); });
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK(error.where() == "there");
}

}  // namespace
}  // namespace eb
