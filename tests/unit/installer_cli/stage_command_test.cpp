#include <thread>

#include "installer/install/local_disk.hpp"
#include "installer/install/staging_yard.hpp"
#include "installer_run.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

struct Node : InstallerRun {
  fs::path disk = scratch.path() / "disk";
  fs::path bundle = make();
  fs::path yard = disk / ("envbundle-" + std::to_string(::getuid()));

  Node() { fs::create_directories(disk); }
  CommandResult stage(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"stage", bundle.string(), "-q", "--to", disk.string()});
    return run(more);
  }
  CommandResult remove() { return stage({"--remove", "--json"}); }
  std::string staged() {
    const std::string out = stage().out;
    return out.substr(0, out.find('\n'));
  }
};

TEST_CASE("stage prints the prefix and nothing else, and is done the second time") {
  Node node;
  const CommandResult first = node.stage();
  CHECK(first.code == 0);
  CHECK(first.err.empty());
  const std::string prefix = first.out.substr(0, first.out.size() - 1);
  CHECK_THAT(prefix, StartsWith(fs::canonical(node.yard).string() + "/sample-"));
  CHECK(fs::exists(fs::path(prefix) / "bin/python"));
  CHECK((fs::status(node.yard).permissions() & fs::perms(0777)) == fs::perms(0700));
  const CommandResult again = node.stage({"--json"});
  CHECK(again.records().at(0)["changed"] == false);
  CHECK(again.records().at(0)["prefix"] == prefix);
}

TEST_CASE("F134 a staged release stays while another job uses it") {
  Node node;
  node.variables["SLURM_JOB_ID"] = "41";
  const fs::path prefix = node.staged();
  node.variables["SLURM_JOB_ID"] = "42";
  CHECK(node.staged() == prefix.string());
  const auto kept = node.remove().records().at(0);
  CHECK(kept["action"] == "kept");
  CHECK(kept["used_by"] == "job-41");
  CHECK(fs::exists(prefix / "bin/python"));
  node.variables["SLURM_JOB_ID"] = "41";
  CHECK(node.run({"stage", "--remove", prefix.string(), "-q"}).code == 0);
  CHECK_FALSE(fs::exists(prefix));
  CHECK(snapshot(node.yard).size() <= 3);  // the notes' own folder
  CHECK(node.remove().records().empty());  // nothing to remove is no error
}

TEST_CASE("a job whose time is over holds nothing") {
  Node node;
  node.variables["SLURM_JOB_ID"] = "41";
  node.variables["SLURM_JOB_END_TIME"] = "1000000000";
  const fs::path prefix = node.staged();
  node.variables["SLURM_JOB_ID"] = "42";
  CHECK(node.remove().records().at(0)["action"] == "removed");
  CHECK_FALSE(fs::exists(prefix));
}

TEST_CASE("what was staged before the machine's last boot is made anew") {
  Node node;
  const fs::path prefix = node.staged();
  write_text(node.yard / ".envinstall/boot", "somewhere else\n");
  fs::resize_file(fs::canonical(prefix / "bin/python"), 0);
  const auto record = node.stage({"--json"}).records().at(0);
  CHECK(record["changed"] == true);
  CHECK(fs::file_size(fs::canonical(prefix / "bin/python")) > 0);
}

TEST_CASE("a folder that others may enter is not believed in") {
  Node node;
  fs::create_directories(node.yard);
  fs::permissions(node.yard, fs::perms(0755));
  const CommandResult result = node.stage();
  CHECK(result.code == 24);
  CHECK_THAT(result.err, Contains("not yours alone"));
  fs::remove_all(node.yard);
  fs::create_directory_symlink(node.scratch.path(), node.yard);
  CHECK(node.stage().code != 0);
}

TEST_CASE("stage takes the first disk that will do, and the one that has it already before that") {
  Node node;
  node.variables["TMPDIR"] = node.disk.string();
  CommandResult result = node.run({"stage", node.bundle.string(), "-q"});
  CHECK_THAT(result.out, StartsWith(fs::canonical(node.yard).string()));
  // A better one appears; the release stays where it is.
  const fs::path better = node.scratch.path() / "better";
  fs::create_directories(better);
  node.variables["SLURM_TMPDIR"] = better.string();
  CHECK(node.run({"stage", node.bundle.string(), "-q"}).out == result.out);
  node.run({"stage", "--remove", node.bundle.string(), "-q"});
  CHECK_THAT(node.run({"stage", node.bundle.string(), "-q"}).out,
             StartsWith(fs::canonical(better).string()));
}

TEST_CASE("a folder that cannot take the release, and why") {
  Node node;
  const CommandResult result =
      node.run({"stage", node.bundle.string(), "--to", (node.disk / "nowhere").string()});
  CHECK(result.code == 23);
  CHECK_THAT(result.err, Contains("No such file"));
  CHECK(node.run({"stage"}).code == 2);
  CHECK(node.run({"stage", "--remove", node.disk.string()}).code == 2);
}

TEST_CASE("candidates of a node, and the job's memory") {
  std::map<std::string, std::string> variables = {
      {"SLURM_TMPDIR", "/nvme/4711"}, {"LOCAL_SCRATCH", "relative"}, {"TMPDIR", "/tmp"}};
  const auto variable = [&](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? std::string() : at->second;
  };
  std::vector<std::string> paths;
  for (const DiskCandidate& each : disk_candidates(variable)) paths.push_back(each.path);
  CHECK(paths ==
        std::vector<std::string>{"/nvme/4711", "/tmp", "/local", "/scratch/local", "/dev/shm"});
  CHECK(job_memory(variable) == 0);
  variables["SLURM_MEM_PER_CPU"] = "1024";
  variables["SLURM_CPUS_ON_NODE"] = "4";
  CHECK(job_memory(variable) == 4096ull << 20);
  variables["SLURM_MEM_PER_NODE"] = "2048";
  CHECK(job_memory(variable) == 2048ull << 20);
}

TEST_CASE("tasks of one job that stage at once") {
  Node node;
  std::vector<CommandResult> results(6);
  std::vector<std::thread> tasks;
  for (CommandResult& result : results) tasks.emplace_back([&] { result = node.stage(); });
  for (std::thread& task : tasks) task.join();
  for (const CommandResult& result : results) {
    CHECK(result.code == 0);
    CHECK(result.out == results[0].out);
  }
}

TEST_CASE("option --check tells by its exit code whether anything would change") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  CommandResult result = shop.install_bundle(bundle, {"--check", "--json"});
  CHECK(result.code == 3);
  CHECK(result.records().at(0)["record"] == "plan");
  CHECK(result.records().at(0)["changed"] == true);
  CHECK_FALSE(fs::exists(shop.prefix()));
  CHECK(shop.install_bundle(bundle, {"--json"}).records().at(0)["changed"] == true);
  const auto before = snapshot(shop.prefix());
  result = shop.install_bundle(bundle, {"--check"});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, StartsWith("nothing to do"));
  CHECK(shop.install_bundle(bundle, {"--json"}).records().at(0)["changed"] == false);
  CHECK(shop.install_bundle(shop.make("two"), {"--check"}).code == 3);
  CHECK(snapshot(shop.prefix()) == before);
  // What the run itself would refuse, the check refuses too.
  fs::resize_file(fs::canonical(shop.prefix() / "bin/python"), 1);
  CHECK(shop.install_bundle(bundle, {"--check"}).code == 13);
  CHECK(shop.install_bundle(bundle).code == 13);
}

}  // namespace
}  // namespace eb
