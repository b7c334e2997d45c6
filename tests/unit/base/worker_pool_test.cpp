#include "installer/base/worker_pool.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using eb::for_each_parallel;

TEST_CASE("every item is handed out once") {
  for (const unsigned threads : {0u, 1u, 2u, 7u}) {
    for (const size_t count : {0u, 1u, 2u, 1000u}) {
      CAPTURE(threads, count);
      std::vector<std::atomic<int>> seen(count);
      for_each_parallel(count, threads, [&](size_t i) { ++seen[i]; });
      bool once = true;
      for (const auto& n : seen) once = once && n == 1;
      CHECK(once);
    }
  }
}

TEST_CASE("with one thread all runs in order in the caller's thread") {
  std::vector<size_t> order;
  bool same_thread = true;
  const auto caller = std::this_thread::get_id();
  for_each_parallel(5, 1, [&](size_t i) {
    order.push_back(i);
    same_thread = same_thread && std::this_thread::get_id() == caller;
  });
  CHECK(order == std::vector<size_t>{0, 1, 2, 3, 4});
  CHECK(same_thread);
}

TEST_CASE("no more threads than items, and the asked number when there are enough") {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::atomic<int> waiting{0};
  // Each of the four waits until all four are there, so four threads must exist.
  for_each_parallel(4, 4, [&](size_t) {
    ++waiting;
    while (waiting < 4) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  CHECK(ids.size() == 4);
}

TEST_CASE("the first exception ends the handing out and is rethrown") {
  for (const unsigned threads : {1u, 4u}) {
    CAPTURE(threads);
    std::atomic<int> done{0};
    CHECK_THROWS_WITH(for_each_parallel(1'000'000, threads,
                                        [&](size_t i) {
                                          if (i == 10) throw std::runtime_error("item 10");
                                          ++done;
                                        }),
                      "item 10");
    CHECK(done < 1'000'000);
  }
}

TEST_CASE("at least one processor may be used") { CHECK(eb::available_cpus() >= 1); }
