#include "bundler/cli/arrivals.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <set>
#include <thread>

#include "bundler/cli/phases_in_turn.hpp"

namespace eb {
namespace {

Artifact artifact(const std::string& name, uint64_t size,
                  ArtifactKind kind = ArtifactKind::kWheel) {
  Artifact out;
  out.kind = kind;
  out.name = name;
  out.size_bytes = size;
  out.digest = sha256(as_bytes(name));
  return out;
}

Lock lock_of(std::vector<Artifact> artifacts) {
  Lock lock;
  lock.artifacts = std::move(artifacts);
  return lock;
}

TEST_CASE("of the artifacts that are there the largest is taken first") {
  const Lock lock = lock_of({artifact("small", 1), artifact("large", 9), artifact("middle", 5)});
  Arrivals arrivals(lock, "");
  for (const Artifact& each : lock.artifacts) arrivals.arrived(each.digest, "/c/" + each.name);
  CHECK_FALSE(arrivals.all_taken());
  std::string order;
  while (const auto arrival = arrivals.take()) {
    CHECK(arrival->path == "/c/" + arrival->artifact->name);
    order += arrival->artifact->name + " ";
  }
  CHECK(order == "large middle small ");
  CHECK(arrivals.all_taken());
}

TEST_CASE("two artifacts with one digest come together, and once") {
  Artifact other = artifact("same", 3);
  other.name = "other";
  const Lock lock = lock_of({artifact("same", 3), other, artifact("late", 1)});
  Arrivals arrivals(lock, "");
  arrivals.arrived(lock.artifacts[0].digest, "/c/same");
  arrivals.arrived(lock.artifacts[0].digest, "/c/same");
  arrivals.arrived(sha256(as_bytes("not of this lock")), "/c/x");
  std::multiset<std::string> names{arrivals.take()->artifact->name,
                                   arrivals.take()->artifact->name};
  CHECK(names == std::multiset<std::string>{"same", "other"});
  arrivals.arrived(lock.artifacts[0].digest, "/c/same");
  arrivals.close();
  CHECK_FALSE(arrivals.take());
  CHECK_FALSE(arrivals.all_taken());
}

TEST_CASE("a folder of this machine has arrived from the beginning") {
  Artifact folder = artifact("mine", 0, ArtifactKind::kFolder);
  folder.source = "files";
  const Lock lock = lock_of({folder});
  Arrivals arrivals(lock, "/locks");
  const auto arrival = arrivals.take();
  REQUIRE(arrival);
  CHECK(arrival->path == "/locks/files");
  CHECK_FALSE(arrivals.take());
}

TEST_CASE("a lock without artifacts waits for nothing") {
  const Lock lock;
  Arrivals arrivals(lock, "");
  CHECK_FALSE(arrivals.take());
  CHECK(arrivals.all_taken());
}

TEST_CASE("whoever waits for an artifact is woken when it comes, and let go when none will") {
  const Lock lock = lock_of({artifact("one", 1), artifact("two", 2)});
  Arrivals arrivals(lock, "");
  auto first = std::async(std::launch::async, [&] { return arrivals.take(); });
  CHECK(first.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  arrivals.arrived(lock.artifacts[0].digest, "/c/one");
  CHECK(first.get()->artifact->name == "one");
  auto second = std::async(std::launch::async, [&] { return arrivals.take(); });
  CHECK(second.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  arrivals.close();
  CHECK_FALSE(second.get());
}

class Heard final : public EventSink {
 public:
  std::string text;
  void on(const Event& event) noexcept override {
    if (const auto* started = std::get_if<PhaseStarted>(&event)) text += started->phase + "(";
    if (const auto* progress = std::get_if<PhaseProgress>(&event)) {
      text += std::to_string(progress->done) + " ";
    }
    if (const auto* note = std::get_if<Note>(&event)) text += note->text + " ";
    if (std::holds_alternative<PhaseFinished>(event)) text += ")";
  }
};

TEST_CASE("of two phases at once the second is shown when the first has ended") {
  Heard heard;
  PhasesInTurn phases(heard);
  phases.second().on(PhaseStarted{.phase = "stage"});
  phases.first().on(PhaseStarted{.phase = "fetch"});
  phases.second().on(PhaseProgress{1});
  phases.first().on(PhaseProgress{10});
  phases.second().on(PhaseProgress{2});
  phases.second().on(Note{"odd"});
  phases.second().on(PhaseProgress{3});
  phases.first().on(PhaseFinished{.phase = "fetch"});
  CHECK(heard.text == "fetch(10 )");
  phases.end_first();
  CHECK(heard.text == "fetch(10 )stage(2 odd 3 ");
  phases.second().on(PhaseProgress{4});
  phases.second().on(PhaseFinished{.phase = "stage"});
  CHECK(heard.text == "fetch(10 )stage(2 odd 3 4 )");
}

}  // namespace
}  // namespace eb
