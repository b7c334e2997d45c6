#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "runtime/metrics/bounded_file.hpp"
#include "runtime/metrics/cgroup.hpp"
#include "runtime/metrics/process_figures.hpp"
#include "runtime/metrics/release_facts.hpp"
#include "runtime/metrics/shm.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb::metrics {
namespace {

struct Files {
  test::TempDir dir;
  void put(const std::string& name, const std::string& text) const {
    const std::filesystem::path path(dir.path() / name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string path() const { return dir.path(); }
};

TEST_CASE("of the groups above a process the tightest limit counts") {
  const Files files;
  files.put("job/memory.max", "4000\n");
  files.put("job/memory.current", "3000\n");
  files.put("job/memory.events", "low 0\noom 2\noom_kill 1\n");
  files.put("job/step/memory.max", "max\n");
  files.put("job/step/memory.current", "2000\n");
  files.put("memory.max", "9000\n");
  const CgroupMemory memory = read_cgroup_memory("1:name=x:/y\n0::/job/step\n", files.path());
  CHECK(memory.max_bytes == 4000);
  CHECK(memory.current_bytes == 3000);
  CHECK(memory.oom_kills == 1);
}

TEST_CASE("without a limit it is the process's own group, and the limit is absent") {
  const Files files;
  files.put("a/memory.max", "max\n");
  files.put("a/memory.current", "2000\n");
  const CgroupMemory memory = read_cgroup_memory("0::/a\n", files.path());
  CHECK(memory.current_bytes == 2000);
  CHECK_FALSE(memory.max_bytes);
}

TEST_CASE("memory of version 1 comes before the empty tree of version 2") {
  const Files files;
  files.put("memory/s/memory.limit_in_bytes", "9223372036854771712\n");
  files.put("memory/s/memory.usage_in_bytes", "77\n");
  const CgroupMemory memory = read_cgroup_memory("5:cpu:/\n4:memory:/s\n0::/\n", files.path());
  CHECK(memory.current_bytes == 77);
  CHECK_FALSE(memory.max_bytes);
}

TEST_CASE("a path out of the namespace, or nonsense, gives nothing") {
  for (const char* const text : {"", "0::/../../etc", "x", "0:\n:::", "4:memory"}) {
    CHECK_FALSE(read_cgroup_memory(text, "/").current_bytes);
  }
}

TEST_CASE("Slurm's job is found in the paths of both versions") {
  CHECK(job_component("0::/system.slice/slurmstepd.scope/job_123/step_0/user/task_0\n") ==
        "job_123");
  CHECK(job_component("4:memory:/slurm/uid_0/job_7\n0::/\n") == "job_7");
  CHECK(job_component("0::/user.slice\n").empty());
}

TEST_CASE("/proc/PID/stat is read whatever the command is") {
  const auto figures = parse_process_stat(
      "42 (a) R (b\n c) S 1 42 42 0 -1 4194560 9 0 0 0 250 150 0 0 20 0 7 0 1000 12345 300 1844",
      100000, 100, 4096);
  REQUIRE(figures);
  CHECK(figures->pid == 42);
  CHECK(figures->command == "a) R (b\n c");
  CHECK(figures->cpu_seconds == 4);
  CHECK(figures->threads == 7);
  CHECK(figures->started == 100010);
  CHECK(figures->resident_bytes == 300 * 4096);
  for (const char* const text : {"", "1 x", "1 (x", "1 (x) S 1 2", ") 1 ("}) {
    CHECK_FALSE(parse_process_stat(text, 0, 100, 4096));
  }
}

TEST_CASE("this process is among the user's") {
  const ProcessSample sample = read_processes("/proc", geteuid(), "");
  CHECK(sample.count >= 1);
  CHECK(sample.resident_bytes > 0);
  CHECK(sample.biggest.size() <= kMaxShownProcesses);
  CHECK(read_processes("/proc", geteuid(), "job_none").count == 0);
  CHECK(read_processes("/nonexistent", geteuid(), "").count == 0);
}

TEST_CASE("own files of a shared-memory folder are counted, links and folders are not") {
  const Files files;
  files.put("a", std::string(10000, 'x'));
  files.put("b", "x");
  CHECK(symlink("a", (files.path() + "/c").c_str()) == 0);
  CHECK(mkdir((files.path() + "/d").c_str(), 0700) == 0);
  const auto shm = read_shm(files.path(), geteuid());
  REQUIRE(shm);
  CHECK(shm->own_files == 2);
  CHECK(shm->own_bytes >= 10000);
  CHECK(shm->size_bytes >= shm->used_bytes);
  CHECK_FALSE(read_shm("/nonexistent", 0));
}

TEST_CASE("a release's facts come from its receipt and the kept check") {
  const Files files;
  files.put("releases/x-1/.bundle/receipt",
            "envinstall receipt 1\nid abc\nname x\ncounter 5\ninstalled 77\n");
  files.put(
      ".envinstall/check-x-1.json",
      R"({"state":"passed","when":"2026-03-04T05:06:07Z","steps":[{"state":"ok"},{"state":"ok"},{},3]})");
  REQUIRE(symlink("releases/x-1", (files.path() + "/current").c_str()) == 0);
  const ReleaseFacts facts = read_release_facts(files.path() + "/current");
  CHECK(facts.release == "x-1");
  CHECK(facts.name == "x");
  CHECK(facts.id == "abc");
  CHECK(facts.counter == 5);
  CHECK(facts.installed == 77);
  CHECK(facts.is_active == true);
  CHECK(facts.check_state == "passed");
  CHECK(facts.checked == 1772600767);
  CHECK(facts.check_steps == std::map<std::string, size_t>{{"ok", 2}});
  files.put(".envinstall/check-x-1.json", "{broken");
  CHECK(read_release_facts(files.path() + "/releases/x-1").check_state.empty());
}

TEST_CASE("times are read only in our own form") {
  CHECK(utc_seconds("1970-01-01T00:00:01Z") == 1);
  for (const char* const text :
       {"", "1970-01-01T00:00:01", "1970-13-01T00:00:01Z", "1970-02-30T00:00:01Z",
        "1970-01-01 00:00:01Z", "x970-01-01T00:00:01Z"}) {
    CHECK_FALSE(utc_seconds(text));
  }
}

TEST_CASE("the program knows its release by the name that the launcher gives it") {
  CHECK(root_of_program("/p/releases/x/libexec/envbundle/envmetrics") == "/p/releases/x");
  CHECK(root_of_program("/p/libexec/real/libexec/envbundle/envmetrics") == "/p");
  CHECK(root_of_program("envmetrics").empty());
  CHECK(root_of_program("build/envmetrics").empty());
}

TEST_CASE("texts are cut at their bound") {
  const Files files;
  files.put("a", std::string(50000, 'x'));
  CHECK(read_text(files.path() + "/a", 20000)->size() == 20000);
  CHECK(read_text(files.path() + "/a", 99999)->size() == 50000);
  CHECK_FALSE(read_text(files.path() + "/none", 10));
}

}  // namespace
}  // namespace eb::metrics
