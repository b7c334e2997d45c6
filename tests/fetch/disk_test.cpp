// The own disk: poisoned cache (F090), files as places, disk full, processes at once, interruption.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/fetch/fetch_fixture.hpp"
#include "tests/support/forwarding_sys.hpp"

extern char** environ;

namespace eb::test {
namespace {

const std::string kContent = make_content(400'000);

// The file system is full after so many bytes.
class FullDisk final : public ForwardingSys {
 public:
  explicit FullDisk(int64_t room) : room_(room) {}
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    const int64_t left = room_.fetch_sub(static_cast<int64_t>(size));
    if (left < static_cast<int64_t>(size)) return -ENOSPC;
    return ForwardingSys::pwrite(fd, buffer, size, offset);
  }

 private:
  std::atomic<int64_t> room_;
};

class SmallDisk final : public ForwardingSys {
 public:
  int fstatfs(int fd, struct statfs* out) override {
    const int result = ForwardingSys::fstatfs(fd, out);
    out->f_bavail = 1;
    return result;
  }
};

pid_t start_program(const FetchFixture& fixture, const FetchRequest& request) {
  const std::string size = std::to_string(request.size_bytes);
  const std::string digest = request.digest.hex();
  const std::string cache = fixture.cache.directory();
  std::vector<const char*> arguments = {
      EB_FETCH_PROGRAM, cache.c_str(),  request.label.c_str(),
      size.c_str(),     digest.c_str(), request.urls.at(0).c_str(),
      nullptr};
  pid_t pid = -1;
  REQUIRE(posix_spawn(&pid, EB_FETCH_PROGRAM, nullptr, nullptr,
                      const_cast<char* const*>(arguments.data()), environ) == 0);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return status;
}

template <typename Condition>
bool wait_until(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F066_withdrawn_upstream_but_in_the_cache") {
  std::atomic<bool> is_withdrawn{false};
  HostileServer server([&, good = well_behaved(kContent)](const ReceivedRequest& received,
                                                          ServerConnection& connection) {
    if (!is_withdrawn) return good(received, connection);
    connection.reply("410 Gone", {}, "yanked");
  });
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  CHECK(fetch_content(wanted) == kContent);
  is_withdrawn = true;
  const auto before = server.requests().size();
  const auto results = fetch({wanted});
  REQUIRE(results.size() == 1);
  CHECK(results[0].was_cached);
  CHECK(read_file(results[0].path) == kContent);
  CHECK(server.requests().size() == before);  // found by its hash: nobody is asked
  // Without the cache it is gone, and that is said.
  const std::string other = make_content(1000, 7);
  const Error error = fetch_error(request(other, {server.url("/other.whl")}, "other.whl"));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "410"));
}

TEST_CASE_METHOD(FetchFixture, "F090_poisoned_cache") {
  HostileServer server(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const std::filesystem::path path = cache.path_of(wanted.digest);
  fetch_content(wanted);

  std::string poison = kContent;
  SECTION("one bit") { poison[200'000] = static_cast<char>(poison[200'000] ^ 1); }
  SECTION("cut short") { poison.resize(399'999); }
  SECTION("longer") { poison += "x"; }
  SECTION("empty") { poison.clear(); }
  std::filesystem::remove(path);
  write_file(path, poison);
  CHECK(fetch_content(wanted) == kContent);
  CHECK(contains(events.text(),
                 "warning: the cached copy of file.whl was damaged; it was removed and is fetched "
                 "again"));
  CHECK(server.requests().size() == 2);
  CHECK_FALSE(fetch({wanted}).at(0).path.empty());
  CHECK(server.requests().size() == 2);
}

TEST_CASE_METHOD(FetchFixture, "F090_what_is_no_file_in_the_cache") {
  HostileServer server(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const std::filesystem::path path = cache.path_of(wanted.digest);
  std::filesystem::create_directories(path.parent_path());
  SECTION("a link to a right file") {
    write_file(directory.path() / "elsewhere", kContent);
    std::filesystem::create_symlink(directory.path() / "elsewhere", path);
  }
  SECTION("a link to nothing") { std::filesystem::create_symlink("nothing", path); }
  SECTION("a folder") { std::filesystem::create_directory(path); }
  SECTION("a pipe") { REQUIRE(mkfifo(path.c_str(), 0600) == 0); }
  CHECK(fetch_content(wanted) == kContent);
  CHECK(std::filesystem::symlink_status(path).type() == std::filesystem::file_type::regular);
}

TEST_CASE_METHOD(FetchFixture, "F090_poisoned_and_no_place_to_go") {
  const FetchRequest wanted = request(kContent, {});
  write_file(cache.path_of(wanted.digest), make_content(400'000, 2));
  const Error error = fetch_error(wanted);
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK_FALSE(std::filesystem::exists(cache.path_of(wanted.digest)));
  CHECK(contains(events.text(), "was damaged"));
}

TEST_CASE_METHOD(FetchFixture, "files and paths as places") {
  const std::filesystem::path file = directory.path() / "some file.whl";
  write_file(file, kContent);
  const std::string as_url = "file://" + (directory.path() / "some%20file.whl").string();
  const FetchRequest wanted = request(kContent, {GENERATE(true, false) ? file.string() : as_url});
  CHECK(fetch_content(wanted) == kContent);
  // A copy: what happens to the original later does not reach the cache.
  write_file(file, "other");
  CHECK(read_file(cache.path_of(wanted.digest)) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "wrong files as places") {
  write_file(directory.path() / "same size", make_content(400'000, 2));
  write_file(directory.path() / "short", "short");
  std::filesystem::create_directory(directory.path() / "folder");
  const auto path = [&](const char* name) { return (directory.path() / name).string(); };
  struct Case {
    std::string url;
    ExitCode code;
    std::string why;
  };
  // The fixture is new in each round, so only the number is generated.
  const std::vector<Case> cases = {
      {path("same size"), ExitCode::kDownloadMismatch,
       "expected sha256 " + sha256(as_bytes(kContent)).hex() + ", got " +
           sha256(as_bytes(make_content(400'000, 2))).hex()},
      {path("short"), ExitCode::kDownloadMismatch, "has a file of 5 bytes, the lock says 400000"},
      {path("absent"), ExitCode::kNetwork, "no such file"},
      {path("folder"), ExitCode::kNetwork, "is not a regular file"},
      {"file://elsewhere/x", ExitCode::kNetwork,
       "host 'elsewhere'; only an empty host or localhost can be read"},
  };
  const Case& test = cases[GENERATE(range(size_t{0}, size_t{5}))];
  const Error error = fetch_error(request(kContent, {test.url}));
  CHECK(error.code() == test.code);
  CHECK(error.why() == test.why);
  CHECK(partial_names().empty());
}

TEST_CASE_METHOD(FetchFixture, "other schemes are no places") {
  const std::string url =
      GENERATE("ftp://127.0.0.1/x", "data://x", "scp://127.0.0.1/x", "http://", "https://[::1/x");
  CAPTURE(url);
  const Error error = fetch_error(request(kContent, {url}));
  CAPTURE(error.why());
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(events.count("trying again") == 0);
}

TEST_CASE_METHOD(FetchFixture, "disk full while downloading") {
  FullDisk disk(150'000);
  const ArtifactCache full(directory.path() / "full", disk);
  HostileServer server(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const Error error = thrown_error([&] { fetch_all({wanted}, full, options, events); });
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK(std::string(error.what()) == "cannot write");
  CHECK(error.where() == full.partial_path(wanted.digest));
  CHECK(contains(error.why(), "ENOSPC"));
  CHECK(contains(all_text(error), "ENVBUNDLE_CACHE names another place for the cache"));
  CHECK(server.requests().size() == 1);

  // With room again, the rest comes.
  const ArtifactCache roomy(directory.path() / "full");
  const std::string kept = read_file(roomy.partial_path(wanted.digest));
  CHECK(kContent.starts_with(kept));
  CHECK(fetch_all({wanted}, roomy, options, events).size() == 1);
  CHECK(read_file(roomy.path_of(wanted.digest)) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "too little space is found before the first byte") {
  SmallDisk disk;
  const ArtifactCache small(directory.path() / "small", disk);
  HostileServer server(well_behaved(kContent));
  const Error error = thrown_error(
      [&] { fetch_all({request(kContent, {server.url("/file.whl")})}, small, options, events); });
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK(std::string(error.what()) == "not enough space for the downloads");
  CHECK(contains(error.why(), "400000 bytes are needed"));
  CHECK(server.requests().empty());
}

TEST_CASE_METHOD(FetchFixture, "an interrupted process leaves what the next one goes on with") {
  const int signal = GENERATE(SIGINT, SIGTERM, SIGKILL);
  std::atomic<bool> hold{true};
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    if (!hold) return well_behaved(kContent)(received, connection);
    connection.head("200 OK", {"Content-Length: 400000", "ETag: \"v1\""});
    connection.send(std::string_view(kContent).substr(0, 250'000));
    connection.receive(1);  // until the client goes
  });
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const pid_t pid = start_program(*this, wanted);
  const std::filesystem::path partial = cache.partial_path(wanted.digest);
  REQUIRE(wait_until([&] {
    std::error_code error;
    return std::filesystem::file_size(partial, error) == 250'000 && !error;
  }));
  kill(pid, signal);
  const int status = wait_for(pid);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == signal);
  CHECK(checked_store() == 0);

  hold = false;
  CHECK(fetch_content(wanted) == kContent);
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[1].header("range") == "bytes=250000-");
  CHECK(server.requests()[1].header("if-range") == "\"v1\"");
}

TEST_CASE_METHOD(FetchFixture, "processes at once download a file once") {
  HostileServer server([](const ReceivedRequest& received, ServerConnection& connection) {
    connection.pause(0.3);
    well_behaved(kContent)(received, connection);
  });
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  std::vector<pid_t> processes;
  for (int i = 0; i < 4; ++i) processes.push_back(start_program(*this, wanted));
  for (const pid_t pid : processes) CHECK(wait_for(pid) == 0);
  CHECK(server.requests().size() == 1);
  CHECK(checked_store() == 1);
  CHECK(partial_names().empty());
}

TEST_CASE_METHOD(FetchFixture, "a holder that does not get on is not waited for") {
  options.low_speed_seconds = 1;
  options.connect_timeout_seconds = 1;
  HostileServer server(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, 100));
  const int held = open(cache.partial_path(wanted.digest).c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(flock(held, LOCK_EX) == 0);
  const std::vector<FetchResult> results = fetch({wanted});
  CHECK(read_file(results.at(0).path) == kContent);
  CHECK(contains(events.text(), "another envbundle downloads it; waiting for that"));
  CHECK(contains(events.text(), "does not get on; downloading it here"));
  CHECK(partial_names() == std::vector<std::string>{wanted.digest.hex()});  // the holder's
  close(held);
}

TEST_CASE_METHOD(FetchFixture, "leavings of ended processes are removed after a day") {
  const std::filesystem::path old = cache.partial_directory() / "00ff.own.1.2";
  const std::filesystem::path recent = cache.partial_directory() / "00fe.own.1.2";
  write_file(old, "x");
  write_file(recent, "x");
  std::filesystem::last_write_time(
      old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  HostileServer server(well_behaved(kContent));
  fetch({request(kContent, {server.url("/file.whl")})});
  CHECK(partial_names() == std::vector<std::string>{"00fe.own.1.2"});
}

}  // namespace eb::test
