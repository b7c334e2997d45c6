// envmetrics: exports metrics of GPUs, processes, the release and training scripts for Prometheus.
// `envrun metrics` starts it. What it exports is described in README.md.
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "installer/base/error.hpp"
#include "runtime/metrics/exporter.hpp"
#include "runtime/metrics/log_input.hpp"
#include "runtime/metrics/serve.hpp"

namespace {

using namespace eb;
using namespace eb::metrics;

int run(int argc, char** argv) {
  int exit_code = -1;
  const Options options = parse_options(argc, argv, &exit_code);
  if (exit_code >= 0) return exit_code;
  const auto log = std::make_shared<JsonLog>(
      options.log, JsonLog::Rotation{options.log_max_bytes, options.log_keep});
  if (!options.log_input.empty()) {
    copy_lines(STDIN_FILENO, options.log_input, *log);
    return 0;
  }
  if (!options.listen.empty()) parse_listen(options.listen);  // refuse before anything begins
  const Exporter exporter(options, log);
  if (options.once) {
    exporter.wait_until_complete();
    const std::string page = exporter.page();
    const size_t written = std::fwrite(page.data(), 1, page.size(), stdout);
    if (written == page.size() && std::fflush(stdout) == 0) return 0;
    throw Error(ExitCode::kIo, "cannot write the metrics").where("standard output");
  }
  exporter.wait_until_begun();
  serve(options, exporter, *log);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  int code = static_cast<int>(ExitCode::kInternal);
  try {
    code = run(argc, argv);
  } catch (const Error& error) {
    std::fputs(render_error("envmetrics", error).c_str(), stderr);
    code = static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fputs(render_error("envmetrics", Error(ExitCode::kInternal, error.what())).c_str(),
               stderr);
  }
  std::fflush(nullptr);
  // A thread may hang in the driver, and the driver's exit handlers with it.
  _exit(code);
}
