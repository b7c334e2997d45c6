#include "installer/install/staging_yard.hpp"

#include "installer/install/local_disk.hpp"
#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

using Variables = std::map<std::string, std::string>;

std::function<std::string(const char*)> lookup(const Variables& variables) {
  return [variables](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? std::string() : at->second;
  };
}

TEST_CASE("a release is used by the scheduler's job, or else by the session") {
  Host host = read_host(real_sys(), "");
  host.now = 1000;
  const auto holder = [&](const Variables& variables) {
    return lease_holder(real_sys(), lookup(variables), host);
  };
  CHECK(holder({{"SLURM_JOB_ID", "17"}, {"SLURM_JOB_END_TIME", "5000"}}).name == "job-17");
  CHECK(holder({{"SLURM_JOB_ID", "17"}, {"SLURM_JOB_END_TIME", "5000"}}).until == 5000);
  CHECK(holder({{"SLURM_JOB_ID", "17"}}).until == 1000 + 30 * 86400);
  CHECK(holder({{"PBS_JOBID", "17[3].ser_ver-a"}}).name == "job-17_3__ser_ver-a");
  CHECK(holder({{"LSB_JOBID", std::string(100, '1')}}).name == "job-" + std::string(64, '1'));
  const LeaseHolder session = holder({});
  CHECK(session.name == "session-" + std::to_string(getsid(0)));
  CHECK(session.until == 0);
  CHECK(session.pid == getsid(0));
}

struct Yard {
  MemoryDir dir;
  FaultySys sys;
  Host host = read_host(real_sys(), "");
  NullSink events;
  StopFlag stop;

  Yard() {
    host.boot_id = "this boot";
    host.now = 1000;
  }
  std::string base() const { return dir.path().string(); }
  fs::path path() const { return StagingYard::path_in(base(), host); }
  StagingYard open() { return open(sys); }
  StagingYard open(Sys& by) { return StagingYard::open(by, base(), host, 1, events, stop); }
  void put(const std::string& release) { write_text(path() / release / ".envinstall/id", "x"); }
  bool has(const std::string& release) {
    return StagingYard::has_release(sys, base(), release, host);
  }
};

TEST_CASE("the folder for staged releases is named after the user") {
  Host host;
  host.uid = 7;
  CHECK(StagingYard::path_in("/tmp", host) == "/tmp/envbundle-7");
  CHECK(StagingYard::path_in("/tmp/", host) == "/tmp/envbundle-7");
}

TEST_CASE("a staged release goes when nobody uses it any more") {
  Yard yard;
  StagingYard open = yard.open();
  yard.put("r");
  CHECK(yard.has("r"));
  CHECK(!yard.has("s"));
  open.lease("r", {"job-1", 5000, 0, ""});
  open.lease("r", {"job-2", 5000, 0, ""});
  open.lease("r", {"job-3", 500, 0, ""});  // its time is over
  CHECK(open.give_up("r", {"job-1", 5000, 0, ""}) == std::string("job-2"));
  CHECK(yard.has("r"));
  CHECK(!open.give_up("r", {"job-2", 5000, 0, ""}));
  CHECK(!yard.has("r"));
  CHECK(!open.give_up("r", {"job-2", 5000, 0, ""}));  // gone already
  CHECK(fs::is_empty(yard.path()) == false);
}

TEST_CASE("a session's lease lives as long as its first process, and no other of that number") {
  Yard yard;
  StagingYard open = yard.open();
  const auto start = process_start(real_sys(), yard.host.root, getpid());
  REQUIRE(!start.empty());
  yard.put("r");
  open.lease("r", {"session-1", 0, getpid(), start});
  open.lease("r", {"job-1", 5000, 0, ""});
  CHECK(open.give_up("r", {"job-1", 5000, 0, ""}) == std::string("session-1"));
  for (const std::string other : {"", "1"}) {
    yard.put("r");
    open.lease("r", {"session-1", 0, getpid(), other});
    CHECK(!open.give_up("r", {"job-1", 5000, 0, ""}));
    CHECK(!yard.has("r"));
  }
}

TEST_CASE("a lease that makes no sense holds nothing") {
  Yard yard;
  StagingYard open = yard.open();
  const fs::path leases = yard.path() / ".envinstall/leases/r";
  yard.put("r");
  open.lease("r", {"job-1", 5000, 0, ""});
  write_text(leases / "job-2", "nonsense\nuntil soon\npid me\n");
  fs::create_directory(leases / "job-3");
  CHECK(!open.give_up("r", {"job-1", 5000, 0, ""}));
  CHECK(!yard.has("r"));
}

TEST_CASE("what was staged before the machine was started anew is thrown away") {
  Yard yard;
  yard.open().lease("r", {"job-1", 5000, 0, ""});
  yard.put("r");
  yard.open();
  CHECK(yard.has("r"));
  yard.host.boot_id = "";  // nobody can tell
  yard.open();
  CHECK(yard.has("r"));
  yard.host.boot_id = "another boot";
  yard.open();
  CHECK(!yard.has("r"));
  CHECK(!fs::exists(yard.path() / ".envinstall/leases"));
}

TEST_CASE("F046 a folder for staged releases that is not the user's alone is not used") {
  Yard yard;
  fs::create_directory(yard.path());
  fs::permissions(yard.path(), fs::perms(0750));
  struct Widened final : ForwardingSys {
    bool stays = true;
    uid_t owner = getuid();
    int error = 0;
    int fstat(int fd, struct stat* out) override {
      const int result = ForwardingSys::fstat(fd, out);
      out->st_uid = owner;
      if (stays) out->st_mode |= 050;
      return error != 0 ? -error : result;
    }
  } sys;
  const auto refused = [&] { return thrown_error([&] { yard.open(sys); }); };
  CHECK(refused().code() == ExitCode::kPermission);
  CHECK(refused().why() == "others may enter it");
  sys.stays = false;
  sys.owner = getuid() + 1;
  CHECK(refused().why() == "it belongs to user " + std::to_string(getuid() + 1));
  sys.error = EIO;
  CHECK(std::string(refused().what()) == "cannot look at the folder for staged releases");
  // Nor does a release count that lies in another user's folder.
  yard.put("r");
  CHECK(yard.has("r"));
  ++yard.host.uid;
  fs::create_directory_symlink(fs::path("envbundle-" + std::to_string(getuid())), yard.path());
  CHECK(!yard.has("r"));
}

TEST_CASE("a staged release that cannot be thrown away or noted is an error") {
  Yard yard;
  StagingYard open = yard.open();
  yard.put("r");
  const auto fails_on = [&](const std::function<bool(const std::string&)>& path) {
    yard.sys.before = [path](const SysCall& call) {
      return call.name == "renameat" && path(call.path) ? EIO : 0;
    };
  };
  fails_on([](const std::string& path) { return path == "job-1"; });
  CHECK(std::string(thrown_error([&] {
                      open.lease("r", {"job-1", 5000, 0, ""});
                    }).what()) == "cannot note that the release is used");
  fails_on([](const std::string& path) { return path.starts_with("trash-"); });
  CHECK(std::string(thrown_error([&] {
                      open.give_up("r", {"job-1", 5000, 0, ""});
                    }).what()) == "cannot remove the staged release");
  CHECK(yard.has("r"));
  // The lease that was not taken holds nothing.
  yard.sys.before = nullptr;
  CHECK(!open.give_up("r", {"job-2", 5000, 0, ""}));
  CHECK(!yard.has("r"));
}

TEST_CASE("disks are tried in the order of the job's own, the machine's, and memory") {
  const auto paths = [](const Variables& variables) {
    std::string out;
    for (const DiskCandidate& disk : disk_candidates(lookup(variables))) out += disk.path + " ";
    return out;
  };
  CHECK(paths({}) == "/local /scratch/local /tmp /dev/shm ");
  CHECK(paths({{"TMPDIR", "/tmp"}, {"LOCAL_SCRATCH", "relative"}, {"SLURM_TMPDIR", "/job"}}) ==
        "/job /tmp /local /scratch/local /dev/shm ");
  CHECK(job_memory(lookup({{"SLURM_MEM_PER_NODE", "100"}})) == 100u << 20);
  CHECK(job_memory(lookup({{"SLURM_MEM_PER_CPU", "10"}, {"SLURM_CPUS_ON_NODE", "4"}})) ==
        40u << 20);
  CHECK(job_memory(lookup({{"SLURM_MEM_PER_CPU", "10"}})) == 0);
  CHECK(job_memory(lookup({})) == 0);
}

TEST_CASE("F116 why a disk cannot take a release is told before anything is written") {
  Workshop shop;
  const auto source = open_bundle_file(real_sys(), shop.make().string());
  const VerifiedBundle bundle = shop.open(*source);
  FaultySys sys;
  const auto why = [&](uint64_t memory = 0) {
    return refuse_disk(sys, shop.scratch.path().string(), bundle, memory, shop.host);
  };
  struct statfs disk {};
  REQUIRE(::statfs(shop.scratch.path().c_str(), &disk) == 0);
  disk.f_type = 0xEF53;
  sys.change_statfs = [&](struct statfs* out) { *out = disk; };
  CHECK(why().empty());
  const struct statfs good = disk;
  disk.f_type = 0x6969;
  CHECK(why() == "it is on a server (NFS)");
  disk = good;
  disk.f_flags |= ST_RDONLY;
  CHECK(why() == "it is read-only");
  disk = good;
  disk.f_flags |= ST_NOEXEC;
  CHECK(why() == "it is mounted noexec");
  disk = good;
  disk.f_files = 1000;
  disk.f_ffree = 3;
  CHECK_THAT(why(), Catch::Matchers::StartsWith("it has room for 3 files, needed are "));
  disk = good;
  disk.f_files = disk.f_ffree = 0;  // a file system that counts no inodes
  CHECK(why().empty());
  disk = good;
  disk.f_bavail = disk.f_bfree = 1;
  CHECK_THAT(why(), Catch::Matchers::Contains(", needed are "));
  disk = good;
  disk.f_type = 0x01021994;
  CHECK(why().empty());
  CHECK(why(uint64_t{1} << 40).empty());
  CHECK_THAT(why(1u << 20), Catch::Matchers::StartsWith("it is memory, of which the job has "));
  disk = good;
  sys.before = [](const SysCall& call) { return call.name == "faccessat" ? EACCES : 0; };
  CHECK(why() == "it may not be written");
  int asked = 0;
  sys.before = [&](const SysCall& call) {
    return call.name == "openat" && ++asked == 1 ? EINTR : 0;
  };
  CHECK(why().empty());
  CHECK(refuse_disk(real_sys(), "/eb-no-such-folder", bundle, 0, shop.host) ==
        "No such file or directory");
}

}  // namespace
}  // namespace eb
