#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/envrun/notebook/address.hpp"
#include "runtime/envrun/notebook/announcement.hpp"
#include "runtime/envrun/notebook/jupyter_plan.hpp"
#include "runtime/envrun/notebook/kernelspec.hpp"
#include "runtime/envrun/notebook/private_directory.hpp"
#include "runtime/envrun/notebook/server_record.hpp"
#include "runtime/envrun/notebook/token_file.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

using test::TempDir;
using test::thrown_error;

// A user on the machine "node7.cluster" whose home is the folder.
struct Fixture {
  TempDir temp;
  std::string home = temp.path().string();
  std::ostringstream out, err;
  World world{real_sys(), out, err};
  Session session{world, Place{.release = "/opt/dl/releases/pytorch-2.8-cu128-7ddea5c07ad74adf",
                               .prefix = "/opt/dl",
                               .release_name = "pytorch-2.8-cu128-7ddea5c07ad74adf",
                               .is_current = true}};

  Fixture() {
    chmod(home.c_str(), 0700);
    world.host_name = "node7.cluster";
    world.uid = getuid();
    world.variables = Variables({"HOME=" + home, "USER=ada", "PATH=/bin"});
  }
  void put(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(home + "/" + name) << text;
    chmod((home + "/" + name).c_str(), mode);
  }
};

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("the tunnel ends where the server listens") {
  Fixture f;
  const ServerAddress loopback{.ip = "127.0.0.1", .port = 4321};
  CHECK(tunnel_command(f.world, loopback) == "ssh -N -L 4321:127.0.0.1:4321 ada@node7.cluster");
  CHECK(tunnel_command(f.world, {.ip = "10.0.0.7", .port = 5}) ==
        "ssh -N -L 5:10.0.0.7:5 ada@node7.cluster");
  CHECK(tunnel_command(f.world, {.ip = "::1", .port = 5}) ==
        "ssh -N -L '5:[::1]:5' ada@node7.cluster");
  CHECK(tunnel_command(f.world, {.ip = "", .socket = "/run/a b/lab.sock"}) ==
        "ssh -N -L '8888:/run/a b/lab.sock' ada@node7.cluster");

  f.world.variables.set("SLURM_JOB_ID", "7");
  f.world.variables.set("SLURM_SUBMIT_HOST", "login1");
  f.world.variables.set("SLURMD_NODENAME", "n7");
  CHECK(tunnel_command(f.world, loopback) == "ssh -N -J ada@login1 -L 4321:127.0.0.1:4321 ada@n7");
  CHECK(tunnel_command(f.world, {.ip = "0.0.0.0", .port = 5}) == "ssh -N -L 5:n7:5 ada@login1");
  f.world.variables.set("ENVBUNDLE_LOGIN_HOST", "hpc.example.org");
  CHECK(tunnel_command(f.world, {.ip = "10.0.0.7", .port = 5}) ==
        "ssh -N -L 5:10.0.0.7:5 ada@hpc.example.org");
  f.world.variables.unset("USER");
  CHECK(tunnel_command(f.world, {.ip = "10.0.0.7", .port = 5}) ==
        "ssh -N -L 5:10.0.0.7:5 hpc.example.org");
}

TEST_CASE("a job on the machine that it was submitted from needs no jump") {
  Fixture f;
  f.world.variables.set("SLURM_JOB_ID", "7");
  f.world.variables.set("SLURM_SUBMIT_HOST", "node7");
  CHECK(tunnel_command(f.world, {.ip = "127.0.0.1", .port = 5}) ==
        "ssh -N -L 5:127.0.0.1:5 ada@node7.cluster");
}

TEST_CASE("URLs lead to the near end of the tunnel, and to the network where there is one") {
  Fixture f;
  const ServerAddress plain{.ip = "127.0.0.1", .port = 5};
  CHECK(browser_url(plain) == "http://127.0.0.1:5/lab");
  CHECK(browser_url(plain, "abc") == "http://127.0.0.1:5/lab?token=abc");
  CHECK(network_url(f.world, plain).empty());
  const ServerAddress open{
      .ip = "0.0.0.0", .port = 5, .socket = "", .tls = true, .base_url = "/x/"};
  CHECK(browser_url(open) == "https://127.0.0.1:5/x/lab");
  CHECK(network_url(f.world, open) == "https://node7.cluster:5/x/lab");
  CHECK(browser_url({.ip = "::1", .port = 5}) == "http://[::1]:5/lab");
  CHECK(browser_url({.ip = "", .socket = "/s"}) == "http://127.0.0.1:8888/lab");
}

TEST_CASE("a token file is made once, private and without a line end") {
  Fixture f;
  const std::string path = f.home + "/state/envbundle/jupyter/token";
  const TokenFile first = obtain_token(f.world, path, false);
  CHECK(first.token.size() == 48);
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(f.home + "/state/envbundle/jupyter") == 0700);
  CHECK(std::filesystem::file_size(path) == 48);
  CHECK(obtain_token(f.world, path, false).token == first.token);
  const TokenFile renewed = obtain_token(f.world, path, true);
  CHECK(renewed.token != first.token);
  CHECK(mode_of(path) == 0600);
  CHECK(obtain_token(f.world, path, false).token == renewed.token);
  const auto names = std::filesystem::directory_iterator(f.home + "/state/envbundle/jupyter");
  CHECK(std::distance(begin(names), end(names)) == 1);
}

TEST_CASE("a token file that others can read, a link, and no token are refused") {
  Fixture f;
  const std::string good(48, 'a');
  const auto refusal = [&](const std::string& name) {
    return thrown_error([&] { obtain_token(f.world, f.home + "/" + name, false); });
  };
  f.put("open", good, 0640);
  CHECK(refusal("open").why() == "others may read it or write to it");
  f.put("good", good, 0600);
  REQUIRE(symlink("good", (f.home + "/link").c_str()) == 0);
  CHECK(refusal("link").why() == "it is a symlink");
  for (const std::string& text : {std::string(), std::string("short"), good + "\n",
                                  std::string(257, 'a'), std::string("0123456789abcde&f=")}) {
    f.put("bad", text, 0600);
    CHECK(refusal("bad").code() == ExitCode::kPermission);
  }
  REQUIRE(mkfifo((f.home + "/fifo").c_str(), 0600) == 0);
  CHECK(refusal("fifo").why() == "it is no regular file");
  f.world.uid = getuid() + 1;
  CHECK(thrown_error([&] { obtain_token(f.world, f.home + "/good", false); }).code() ==
        ExitCode::kPermission);
}

TEST_CASE("the runtime directory is one that exists and nobody else can enter") {
  Fixture f;
  const std::string own = "/envbundle-" + std::to_string(f.world.uid);
  f.world.variables.set("XDG_RUNTIME_DIR", "/run/user/4000000000");
  f.world.variables.set("TMPDIR", f.home);
  CHECK(find_runtime_directory(f.world) == f.home + own);
  CHECK(mode_of(f.home + own) == 0700);

  SECTION("a symlink under its name is passed over") {
    std::filesystem::remove(f.home + own);
    std::filesystem::create_directory(f.home + "/elsewhere");
    REQUIRE(symlink("elsewhere", (f.home + own).c_str()) == 0);
    CHECK(find_runtime_directory(f.world) != f.home + own);
  }
  SECTION("one that others can enter is passed over") {
    chmod((f.home + own).c_str(), 0755);
    CHECK(find_runtime_directory(f.world) != f.home + own);
  }
  SECTION("a shared parent must be sticky") {
    chmod(f.home.c_str(), 0777);
    CHECK(find_runtime_directory(f.world) != f.home + own);
    chmod(f.home.c_str(), 01777);
    CHECK(find_runtime_directory(f.world) == f.home + own);
  }
  SECTION("XDG_RUNTIME_DIR is taken where it is the user's, SLURM_TMPDIR before TMPDIR") {
    std::filesystem::create_directory(f.home + "/job");
    f.world.variables.set("SLURM_TMPDIR", f.home + "/job");
    CHECK(find_runtime_directory(f.world) == f.home + "/job" + own);
    f.world.variables.set("XDG_RUNTIME_DIR", f.home);
    CHECK(find_runtime_directory(f.world) == f.home + "/envbundle");
    chmod(f.home.c_str(), 0755);
    CHECK(find_runtime_directory(f.world) == f.home + "/job" + own);
  }
  SECTION("a scratch directory is removed with what it holds") {
    std::string path;
    {
      const ScratchDirectory scratch(f.world, "jupyter");
      path = scratch.path();
      CHECK(mode_of(path) == 0700);
      std::ofstream(path + "/file") << "x";
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

TEST_CASE("the plan hands the token by file and keeps the user's arguments last") {
  Fixture f;
  f.world.variables.set("SHELL", "/bin/zsh");
  f.world.variables.set("JUPYTER_TOKEN", "from-outside");
  f.world.variables.set("XDG_RUNTIME_DIR", "/run/user/4000000000");
  JupyterOptions options;
  options.arguments = {"--ServerApp.base_url=/x/"};
  const JupyterHome home = choose_home(f.world, options, "/scratch");
  CHECK(home.token_file == f.home + "/.local/state/envbundle/jupyter/token");
  Program program = plan_jupyter(f.session, options, home, "/scratch");
  CHECK(program.arguments ==
        std::vector<std::string>{"jupyter-lab", "--no-browser", "--ip=127.0.0.1", "--port=0",
                                 R"(--ServerApp.terminado_settings={"shell_command":["/bin/zsh"]})",
                                 "-y", "--ServerApp.base_url=/x/"});
  CHECK(program.variables.get("JUPYTER_TOKEN_FILE") == home.token_file);
  CHECK_FALSE(program.variables.find("JUPYTER_TOKEN"));
  CHECK_FALSE(program.variables.find("XDG_RUNTIME_DIR"));
  CHECK(program.variables.get("JUPYTER_RUNTIME_DIR") == "/scratch");
  CHECK(program.variables.get("JUPYTER_PREFER_ENV_PATH") == "1");

  f.world.err_is_terminal = true;
  options.port = 8888;
  program = plan_jupyter(f.session, options, home, "/scratch");
  CHECK_FALSE(holds(program.arguments, "-y"));
  CHECK(holds(program.arguments, "--ServerApp.port_retries=0"));
}

TEST_CASE("without a home everything is in the scratch directory") {
  Fixture f;
  f.world.variables.set("HOME", f.home + "/nowhere");
  f.world.variables.set("JUPYTER_CONFIG_DIR", f.home + "/nowhere/.jupyter");
  const JupyterHome home = choose_home(f.world, {}, "/scratch");
  CHECK_FALSE(home.is_lasting);
  CHECK(home.token_file == "/scratch/token");
  const Program program = plan_jupyter(f.session, {}, home, "/scratch");
  CHECK(program.variables.get("HOME") == "/scratch");
  CHECK_FALSE(program.variables.find("JUPYTER_CONFIG_DIR"));
}

TEST_CASE("secrets among the arguments and options that exclude each other are refused") {
  Fixture f;
  const auto refused = [&](const JupyterOptions& options) {
    const Error error = thrown_error([&] { plan_jupyter(f.session, options, {}, "/scratch"); });
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(render_error("x", error).find("s3cret") == std::string::npos);
  };
  JupyterOptions options;
  for (const char* argument : {"--IdentityProvider.token=s3cret", "--ServerApp.password=s3cret",
                               "--PasswordIdentityProvider.hashed_password=s3cret"}) {
    options.arguments = {argument};
    refused(options);
  }
  options.arguments.clear();
  options.socket = "/" + std::string(108, 'a');
  refused(options);
  options.socket = "relative";
  refused(options);
  options.socket = "/s";
  options.port = 1;
  refused(options);
  options.socket = "";
  options.port = 65536;
  refused(options);
}

TEST_CASE("a server's record is read; half of one is none") {
  const std::string text =
      R"({"base_url": "/x/", "hostname": "127.0.0.1", "password": false, "pid": 12, "port": 4321,)"
      R"( "root_dir": "/", "secure": true, "sock": "", "token": "abc", "url": "u", "version": "2"})";
  const auto record = parse_server_record(text);
  REQUIRE(record);
  CHECK(record->address.port == 4321);
  CHECK(record->address.tls);
  CHECK(record->address.base_url == "/x/");
  CHECK(record->pid == 12);
  CHECK(record->token == "abc");
  for (size_t size = 0; size < text.size(); size += 7)
    CHECK_FALSE(parse_server_record(text.substr(0, size)));
  CHECK_FALSE(parse_server_record("[1]"));
  CHECK_FALSE(parse_server_record(R"({"hostname": 1, "port": "x", "pid": 1})"));

  Fixture f;
  CHECK_FALSE(find_server_record(f.world.sys, f.home));
  f.put("jpserver-12.json", text, 0600);
  CHECK(find_server_record(f.world.sys, f.home)->pid == 12);
  CHECK_FALSE(find_server_record(f.world.sys, f.home + "/nowhere"));
}

TEST_CASE("the token is shown on a terminal and where it is asked for, nowhere else") {
  Fixture f;
  const ServerRecord record{{.ip = "127.0.0.1", .port = 5}, 12, false, "s3cret"};
  JupyterOptions options;
  options.json = true;
  announce(f.world, options, record, "/t", "s3cret");
  CHECK(f.err.str().find("s3cret") == std::string::npos);
  CHECK(f.out.str().find("s3cret") == std::string::npos);
  const auto json = nlohmann::json::parse(f.out.str());
  CHECK(json["port"] == 5);
  CHECK(json["token_file"] == "/t");
  options.print_url = true;
  f.world.err_is_terminal = true;
  announce(f.world, options, record, "/t", "s3cret");
  CHECK(f.err.str().find("lab?token=s3cret") != std::string::npos);
  CHECK(f.out.str().ends_with("http://127.0.0.1:5/lab?token=s3cret\n"));
  announce(f.world, {}, {{.ip = "127.0.0.1", .port = 5}, 12, false, ""}, "/t", "s3cret");
  CHECK(f.err.str().find("turns the token off") != std::string::npos);
}

TEST_CASE("kernel.json names the lasting path and carries the limits") {
  Fixture f;
  f.session.limits.memory = "32g";
  const auto json = nlohmann::json::parse(kernel_json(f.session, "PyTorch \"2.8\""));
  CHECK(json["argv"] == nlohmann::json({"/opt/dl/bin/envrun", "--memory", "32g", "run", "python",
                                        "-X", "frozen_modules=off", "-m", "ipykernel_launcher",
                                        "-f", "{connection_file}"}));
  CHECK(json["display_name"] == "PyTorch \"2.8\"");
  CHECK(json["env"]["PYTHONPATH"] == "");
  f.session.place.is_current = false;
  CHECK(nlohmann::json::parse(kernel_json(f.session, ""))["argv"][0] ==
        f.session.place.release + "/bin/envrun");
  CHECK(bundle_name("pytorch-2.8-cu128-7ddea5c07ad74adf") == "pytorch-2.8-cu128");
  CHECK(bundle_name("pytorch-2.8-cu128") == "pytorch-2.8-cu128");
  CHECK(bundle_name("plain") == "plain");
}

}  // namespace
}  // namespace eb
