#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/envrun/ssh/client_text.hpp"
#include "runtime/envrun/ssh/folders.hpp"
#include "runtime/envrun/ssh/keys.hpp"
#include "runtime/envrun/ssh/preflight.hpp"
#include "runtime/envrun/ssh/serve.hpp"
#include "runtime/envrun/ssh/sshd_config.hpp"
#include "runtime/envrun/ssh/sshd_program.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

using State = Finding::State;
using test::TempDir;
using test::thrown_error;

// A machine and a release, both below one folder; programs are shell scripts.
struct Machine {
  TempDir dir;
  std::ostringstream out, err;
  World world{real_sys(), out, err};
  Session session{world, {}};

  Machine() {
    world.root = (dir.path() / "host").string();
    world.uid = getuid();
    world.variables.set("HOME", (dir.path() / "home").string());
    world.host_name = "node7.cluster";
    session.place.release = (dir.path() / "release").string();
  }
  std::string write(const std::string& path, const std::string& text) const {
    const auto file = dir.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  void write_program(const std::string& path, const std::string& body) const {
    std::filesystem::permissions(write(path, "#!/bin/sh\n" + body + "\n"),
                                 std::filesystem::perms::owner_all);
  }
  Finding terminals(const std::string& options, const std::string& groups) {
    write("host/proc/mounts",
          "proc /proc proc rw 0 0\ndevpts /dev/pts devpts " + options + " 0 0\n");
    write("host/etc/group", groups);
    return check_terminals(world);
  }
};

TEST_CASE("terminals work where devpts has the gid of the group tty, and only there") {
  Machine machine;
  CHECK(machine.terminals("rw,gid=5,mode=620", "root:x:0:\ntty:x:5:me\n").state == State::kOk);
  CHECK(machine.terminals("rw,gid=5,mode=600", "tty:x:5:\n").state == State::kOk);
  CHECK(machine.terminals("rw,mode=600", "tty:x:5:\n").state == State::kWarning);
  CHECK(machine.terminals("rw,gid=6", "tty:x:5:\n").state == State::kWarning);
  // Without the group sshd gives the terminal to the user's own, which it already has.
  CHECK(machine.terminals("rw", "root:x:0:\n").state == State::kOk);
}

TEST_CASE("of two mounts on /dev/pts the later one counts; none, and no /proc, are warned of") {
  Machine machine;
  machine.terminals("", "tty:x:5:\n");
  machine.write("host/proc/mounts", "a /dev/pts devpts gid=5 0 0\na /dev/pts devpts rw 0 0\n");
  CHECK(check_terminals(machine.world).state == State::kWarning);
  machine.write("host/proc/mounts", "proc /proc proc rw 0 0\n");
  CHECK(check_terminals(machine.world).state == State::kWarning);
  std::filesystem::remove(machine.world.root + "/proc/mounts");
  CHECK(check_terminals(machine.world).state == State::kWarning);
}

TEST_CASE("the host key is ECDSA P-256 on a FIPS machine, Ed25519 elsewhere, and made once") {
  Machine machine;
  machine.write_program("release/bin/ssh-keygen",
                        "echo \"$*\" >> " + machine.dir.path().string() +
                            "/calls\n"
                            "case \"$1\" in -q) touch \"$7\" ;; -y) echo TYPE KEY comment ;;"
                            " -l) echo '256 SHA256:abc c (T)' ;; esac");
  const SshdFolders folders = sshd_folders(machine.world, 2222);
  make_private_folder(machine.world.sys, folders.state);
  SshdProgram sshd;
  sshd.keygen = machine.session.place.bin("ssh-keygen");
  const auto calls = [&] { return read_text(machine.world.sys, machine.dir.path() / "calls"); };

  const HostKey plain = ensure_host_key(machine.session, sshd, folders);
  CHECK(plain.path == folders.state + "/host_ed25519");
  CHECK(plain.is_new);
  CHECK(plain.public_line == "TYPE KEY");
  CHECK(plain.fingerprint == "SHA256:abc");
  CHECK(calls().find("-t ed25519") != std::string::npos);
  CHECK_FALSE(ensure_host_key(machine.session, sshd, folders).is_new);

  machine.write("host/proc/sys/crypto/fips_enabled", "1\n");
  CHECK(ensure_host_key(machine.session, sshd, folders).path == folders.state + "/host_ecdsa");
  CHECK(calls().find("-t ecdsa -b 256") != std::string::npos);
  machine.write("host/proc/sys/crypto/fips_enabled", "0\n");
  CHECK_FALSE(fips_is_on(machine.world));
}

TEST_CASE("the state folder is private, whatever it was, and follows XDG_STATE_HOME") {
  Machine machine;
  const SshdFolders folders = sshd_folders(machine.world, 2300);
  CHECK(folders.run ==
        machine.dir.path().string() + "/home/.local/state/envbundle/sshd/node7.cluster-2300");
  std::filesystem::create_directories(folders.state);
  std::filesystem::permissions(folders.state, std::filesystem::perms(0775));
  make_private_folder(machine.world.sys, folders.state);
  CHECK(std::filesystem::status(folders.state).permissions() == std::filesystem::perms(0700));
  machine.world.variables.set("XDG_STATE_HOME", "/elsewhere");
  CHECK(sshd_folders(machine.world, 1).state == "/elsewhere/envbundle/sshd");
  machine.world.variables = {};
  CHECK(thrown_error([&] { sshd_folders(machine.world, 1); }).code() == ExitCode::kUsage);
}

TEST_CASE("a key file is trusted as sshd's StrictModes would") {
  Machine machine;
  const std::string file = machine.write("home/state/authorized_keys", "");
  const std::string home = (machine.dir.path() / "home").string();
  const auto look = [&] { return check_key_path(machine.world, file, home); };
  std::filesystem::permissions(home + "/state", std::filesystem::perms(0755));
  std::filesystem::permissions(home, std::filesystem::perms(0755));
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK(look().state == State::kOk);
  std::filesystem::permissions(home, std::filesystem::perms(0775));
  CHECK(look().text ==
        std::filesystem::canonical(home).string() + " is writable by its group or others");
  // Above the home nothing is looked at; outside of it all is, and /tmp is everybody's.
  std::filesystem::permissions(home, std::filesystem::perms(0755));
  CHECK(check_key_path(machine.world, file, "/nonexistent").state == State::kFailed);
}

TEST_CASE("accounts: parsed whole, locked ones and those without a shell named") {
  const auto account = parse_account("ada:x:1:2:Ada,,:/home/ada:/bin/sh\n");
  REQUIRE(account);
  CHECK(*account == Account{"ada", "x", "/home/ada", "/bin/sh"});
  CHECK_FALSE(parse_account("ada:x:1:2"));
  CHECK_FALSE(parse_account(""));
  Machine machine;
  machine.write_program("host/usr/sbin/nologin", "exit 1");
  machine.write_program("host/bin/sh", "");
  CHECK(check_account(machine.world, account).state == State::kOk);
  CHECK(check_account(machine.world, std::nullopt).state == State::kFailed);
  CHECK(check_account(machine.world, Account{"ada", "!", "/", ""}).state == State::kFailed);
  CHECK(check_shell(machine.world, *account).state == State::kOk);
  CHECK(check_shell(machine.world, {"ada", "x", "/", "/usr/sbin/nologin"}).state ==
        State::kWarning);
  CHECK(check_shell(machine.world, {"ada", "x", "/", "/bin/none"}).state == State::kFailed);
  CHECK(check_nologin_file(machine.world).state == State::kOk);
  machine.write("host/etc/nologin", "");
  CHECK(check_nologin_file(machine.world).state == State::kWarning);
}

TEST_CASE("the release's sshd is taken where it knows the account, else the host's") {
  Machine machine;
  machine.write_program("release/bin/sshd", "");
  machine.write("release/lib/openssh/sshd-session", "");
  machine.write("release/lib/openssh/sshd-auth", "");
  machine.write_program("release/bin/python3", "echo me:x:1:1::/home/me:/bin/sh");
  const SshdProgram own = choose_sshd(machine.session, false);
  CHECK(own.path == machine.session.place.bin("sshd"));
  CHECK(own.account->name == "me");
  CHECK(own.session_program == machine.session.place.at("lib/openssh/sshd-session"));
  CHECK(own.auth_program == machine.session.place.at("lib/openssh/sshd-auth"));
  CHECK(thrown_error([&] { choose_sshd(machine.session, true); }).code() == ExitCode::kUsage);

  machine.write_program("host/usr/sbin/sshd", "");
  CHECK(choose_sshd(machine.session, true).is_hosts);
  CHECK_FALSE(choose_sshd(machine.session, false).is_hosts);
  machine.write_program("release/bin/python3", "exit 2");
  // This machine's own getent answers here: root and builders have accounts.
  const SshdProgram host = choose_sshd(machine.session, false);
  CHECK(host.is_hosts);
  CHECK(host.path == machine.world.root + "/usr/sbin/sshd");
  CHECK(host.session_program.empty());
  CHECK(machine.err.str().find("the host's is used") != std::string::npos);
}

TEST_CASE("addresses are numeric; a taken port is told apart from a free one, 0 becomes one") {
  CHECK(parse_listen_address("127.0.0.9")->is_loopback);
  CHECK(parse_listen_address("::1")->is_loopback);
  CHECK(parse_listen_address("0.0.0.0")->is_any);
  CHECK(parse_listen_address("::")->is_any);
  CHECK_FALSE(parse_listen_address("10.1.2.3")->is_loopback);
  CHECK_FALSE(parse_listen_address("localhost"));
  const auto address = *parse_listen_address("127.0.0.1");
  CHECK(check_address(address).state == State::kOk);
  CHECK(check_address(*parse_listen_address("0.0.0.0")).state == State::kWarning);
  int port = 0;
  CHECK(check_port(address, port, "").state == State::kOk);
  CHECK(port > 0);
  int foreign = 2222;
  CHECK(check_port(*parse_listen_address("192.0.2.1"), foreign, "").state == State::kFailed);
}

TEST_CASE("the configuration quotes what it is given, and names no user that would be a pattern") {
  SshdConfig config;
  config.host_key = "/a b/\"k\"";
  config.user = "ada";
  config.authorized_keys = "/100%/keys";
  config.variables.set("PATH", "/p q:/bin");
  std::string text = render_sshd_config(config);
  CHECK(text.find("HostKey \"/a b/\\\"k\\\"\"\n") != std::string::npos);
  CHECK(text.find("AuthorizedKeysFile \"/100%%/keys\"\n") != std::string::npos);
  CHECK(text.find("SetEnv \"PATH=/p q:/bin\"\n") != std::string::npos);
  CHECK(text.find("\nAllowUsers ada\n") != std::string::npos);
  CHECK(text.find("SshdSessionPath") == std::string::npos);
  config.user = "ada@site";
  config.session_program = "/s";
  config.auth_program = "/t";
  text = render_sshd_config(config);
  CHECK(text.find("AllowUsers") == std::string::npos);
  CHECK(text.find("SshdSessionPath \"/s\"\nSshdAuthPath \"/t\"\n") != std::string::npos);
}

TEST_CASE("sessions get the job's variables, and neither secrets nor what could break a line") {
  const Variables all({"PATH=/p", "HOME=/h", "SLURM_JOB_ID=1", "CUDA_VISIBLE_DEVICES=0",
                       "HF_TOKEN=t", "NCCL_X=a\nPermitRootLogin yes", "LC_ALL=C"});
  CHECK(session_variables(all).entries() ==
        std::vector<std::string>{"CUDA_VISIBLE_DEVICES=0", "PATH=/p", "SLURM_JOB_ID=1"});
}

TEST_CASE("the client's way leads over the login node, and over the node where it listens inside") {
  ClientFacts facts{.user = "ada",
                    .node = "node7.cluster",
                    .port = 2222,
                    .address = *parse_listen_address("127.0.0.1"),
                    .host_key = {},
                    .submit_host = "login1"};
  facts.host_key.public_line = "ssh-ed25519 AAAA";
  CHECK(client_text(facts).find("ProxyJump login1,node7.cluster\n") != std::string::npos);
  CHECK(client_text(facts).find("envrun-node7 ssh-ed25519 AAAA\n") != std::string::npos);
  facts.address = *parse_listen_address("0.0.0.0");
  CHECK(client_text(facts).find("ProxyJump login1\n") != std::string::npos);
  CHECK(client_text(facts).find("HostName node7.cluster\n") != std::string::npos);
  facts.submit_host.clear();
  CHECK(client_text(facts).find("ProxyJump") == std::string::npos);
}

TEST_CASE("serve gives the server's exit code, and 0 with nothing left when it is told to stop") {
  const auto program = [](const std::string& script) {
    return Program{"/bin/sh", {"sh", "-c", script}, Variables({"PATH=/usr/bin:/bin"})};
  };
  TempDir dir;
  const std::string pid_file = (dir.path() / "pid").string();
  // In a process of its own: it becomes a subreaper and waits for all children.
  const auto outcome = [&](const std::string& script, int signal) {
    const pid_t child = fork();
    if (child == 0) {
      const int code = serve(program(script));
      _exit(descendants_of(getpid()).empty() ? code : 99);
    }
    for (int i = 0; signal != 0 && i < 200 && !std::filesystem::exists(pid_file); ++i)
      usleep(20'000);
    if (signal != 0) kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  CHECK(outcome("exit 7", 0) == 7);
  CHECK(outcome("kill -9 $$", 0) == 128 + 9);
  CHECK(outcome("(setsid sleep 100 >/dev/null 2>&1 &) ; exit 3", 0) == 3);
  const std::string stubborn =
      "(trap '' TERM HUP; setsid sleep 100) & echo > " + pid_file + "; wait";
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    std::filesystem::remove(pid_file);
    CHECK(outcome(stubborn, signal) == 0);
  }
}

}  // namespace
}  // namespace eb
