#include "runtime/metrics/training_drops.hpp"

#include <sys/stat.h>
#include <utime.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "tests/support/temp_dir.hpp"

namespace eb::metrics {
namespace {

TEST_CASE("a drop is read") {
  const auto drop = parse_drop(
      R"({"format":1,"run":"a b","rank":3,"world_size":8,"step":12,"restarts":1,"state":"failed","started":1.5,
          "new":[{"x":1}],"values":{"loss":0.25,"lr":"NaN","up":"Infinity","down":"-Infinity","text":"no","n":null}})");
  REQUIRE(drop);
  CHECK(drop->run == "a b");
  CHECK(drop->rank == 3);
  CHECK(drop->world_size == 8);
  CHECK(drop->step == 12);
  CHECK(drop->restarts == 1);
  CHECK(drop->started == 1.5);
  CHECK(drop->state == "failed");
  CHECK(drop->values.size() == 4);
  CHECK(drop->values.at("loss") == 0.25);
  CHECK(std::isnan(drop->values.at("lr")));
  CHECK(drop->values.at("down") < 0);
}

TEST_CASE("what is no drop is refused as a whole") {
  for (const char* const text :
       {"", "{", "[]", "1", "\"x\"", "{}", R"({"format":1})", R"({"format":2,"run":"a","rank":0})",
        R"({"format":1,"run":"","rank":0})", R"({"format":1,"run":5,"rank":0})",
        R"({"format":1,"run":"a"})", R"({"format":1,"run":"a","rank":-1})",
        R"({"format":1,"run":"a","rank":0.5})", R"({"format":1,"run":"a","rank":1e300})",
        R"({"format":1,"run":"a","rank":"0"})", R"({"format":1,"run":"a","rank":0,"values":[1]})",
        R"({"format":1,"run":"a","rank":0,"state":"x"})", R"({"format":1,"run":"a","rank":0} x)"}) {
    INFO(text);
    CHECK_FALSE(parse_drop(text));
  }
}

TEST_CASE("depth, size, names and numbers of values have bounds") {
  const std::string head = R"({"format":1,"run":"a","rank":0,"values":{)";
  CHECK_FALSE(parse_drop(head + "\"x\":" + std::string(20, '[') + std::string(20, ']') + "}}"));
  CHECK(parse_drop(head + "\"[[[[[[[[[[[[[[[[\\\"[[[[[[[[\":1}}"));
  std::string many = head;
  for (int i = 0; i < 200; ++i) many += (i == 0 ? "\"v" : ",\"v") + std::to_string(i) + "\":1";
  CHECK(parse_drop(many + "}}")->values.size() == kMaxDropValues);
  CHECK(
      parse_drop(head + '"' + std::string(kMaxDropNameBytes + 1, 'x') + "\":1}}")->values.empty());
  CHECK_FALSE(parse_drop(head + "}}" + std::string(kMaxDropBytes, ' ')));
}

struct Folder {
  test::TempDir dir;
  void drop(const std::string& name, const std::string& run, double modified,
            double loss = 1) const {
    const std::string path = dir.path() / name;
    std::ofstream(path) << R"({"format":1,"run":")" << run << R"(","rank":0,"values":{"loss":)"
                        << loss << "}}";
    const utimbuf times{static_cast<time_t>(modified), static_cast<time_t>(modified)};
    utime(path.c_str(), &times);
  }
  TrainingSample read() const { return read_drops(dir.path(), 10000, 100); }
};

TEST_CASE("of two drops of one rank the newer counts, whatever its name; old ones are left out") {
  const Folder folder;
  folder.drop("a.json", "run", 9950, 1);
  folder.drop("b.json", "run", 9990, 2);
  folder.drop("c.json", "run", 9970, 3);
  folder.drop("d.json", "old", 9800);
  folder.drop(".e.json", "hidden", 9990);
  folder.drop("f.txt", "other", 9990);
  const TrainingSample sample = folder.read();
  REQUIRE(sample.drops.size() == 1);
  CHECK(sample.drops[0].values.at("loss") == 2);
  CHECK(sample.drops[0].modified == 9990);
  CHECK(sample.rejected == std::map<std::string, size_t>{{"duplicate", 2}});
}

TEST_CASE("only plain files of ours are opened") {
  const Folder folder;
  folder.drop("good.json", "good", 9990);
  REQUIRE(symlink("good.json", std::string(folder.dir.path() / "link.json").c_str()) == 0);
  REQUIRE(mkfifo(std::string(folder.dir.path() / "pipe.json").c_str(), 0600) == 0);
  REQUIRE(mkdir(std::string(folder.dir.path() / "dir.json").c_str(), 0700) == 0);
  std::ofstream(folder.dir.path() / "big.json") << std::string(kMaxDropBytes + 1, 'x');
  const TrainingSample sample = folder.read();
  CHECK(sample.drops.size() == 1);
  CHECK(sample.rejected == std::map<std::string, size_t>{{"not_a_file", 3}, {"too_big", 1}});
}

TEST_CASE("no folder is no error") {
  const TrainingSample sample = read_drops("/nonexistent/folder", 0, 1);
  CHECK_FALSE(sample.has_folder);
  CHECK(sample.drops.empty());
}

}  // namespace
}  // namespace eb::metrics
