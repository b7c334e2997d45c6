#pragma once

#include <cstdint>
#include <string>

namespace eb::metrics {

/// The command line of envmetrics.
struct Options {
  std::string listen;  ///< "ADDRESS:PORT" or "[ADDRESS]:PORT"; empty: do not serve
  std::string token_file;
  std::string file_sd;
  std::string textfile;  ///< a folder; empty: write none
  bool once = false;
  double interval_seconds = 5;
  double stale_seconds = 10;
  std::string gpus;  ///< empty: as CUDA_VISIBLE_DEVICES
  bool dcgm_labels = false;
  std::string training;
  double training_keep_seconds = 3600;
  std::string log;
  uint64_t log_max_bytes = 10U << 20U;
  unsigned log_keep = 5;
  std::string log_input;  ///< not empty: copy standard input to the log under this name
  std::string root;
};

/// Parses; prints help or version and sets `*exit_code` where that ends the program (-1: it goes
/// on). Throws Error(kUsage).
Options parse_options(int argc, char** argv, int* exit_code);

struct ListenAddress {
  std::string host;
  uint16_t port = 0;
};
/// "127.0.0.1:9400", "[::1]:0", ":9400" (loopback). Throws Error(kUsage): names are not looked up.
ListenAddress parse_listen(const std::string& text);

}  // namespace eb::metrics
