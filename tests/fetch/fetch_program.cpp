// Fetches one file as a process of its own: fetch_program CACHE LABEL SIZE SHA256 URL
#include <cstdio>
#include <string>

#include "bundler/fetch/fetch.hpp"
#include "installer/base/error.hpp"

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  try {
    const eb::ArtifactCache cache(argv[1]);
    eb::FetchOptions options;
    options.attempts = 2;
    options.backoff_seconds = 0.01;
    options.low_speed_seconds = 5;
    eb::NullSink events;
    const eb::FetchRequest request{.label = argv[2],
                                   .size_bytes = std::stoull(argv[3]),
                                   .digest = eb::Sha256::from_hex(argv[4]),
                                   .urls = {argv[5]}};
    eb::fetch_all({request}, cache, options, events);
    return 0;
  } catch (const eb::Error& error) {
    std::fputs(eb::render_error("fetch_program", error).c_str(), stderr);
    return static_cast<int>(error.code());
  }
}
