#include "runtime/metrics/options.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <iostream>

#include "installer/base/error.hpp"
#include "runtime/metrics/release_facts.hpp"

namespace eb::metrics {
namespace {

constexpr char kDescription[] =
    "Exports metrics of the GPUs (by NVML, under DCGM's names), of this user's processes, of\n"
    "shared memory, of the release and of training scripts, for Prometheus.\n"
    "Without --textfile, --once or --listen it serves http://127.0.0.1:9400/metrics.";

void declare(CLI::App& app, Options& out) {
  app.add_option("--listen", out.listen,
                 "serve there, ADDRESS:PORT; port 0 takes a free one and prints it")
      ->type_name("ADDRESS:PORT");
  app.add_option("--token-file", out.token_file,
                 "ask for the bearer token in this file (Prometheus: authorization)")
      ->type_name("FILE");
  app.add_option("--file-sd", out.file_sd,
                 "write the address as a target for Prometheus' file_sd, remove it at the end")
      ->type_name("FILE.json");
  app.add_option("--textfile", out.textfile,
                 "write DIR/envbundle.prom for node_exporter's textfile collector")
      ->type_name("DIR");
  app.add_flag("--once", out.once, "print the metrics once and end");
  app.add_option("--interval", out.interval_seconds, "seconds between two samples")
      ->check(CLI::Range(0.2, 3600.0))
      ->capture_default_str();
  app.add_option("--stale-after", out.stale_seconds,
                 "a source that takes longer than this counts as hanging; its metrics are left out")
      ->check(CLI::Range(0.2, 3600.0))
      ->capture_default_str();
  app.add_option("--gpus", out.gpus,
                 "all, or a list as in CUDA_VISIBLE_DEVICES, which is what holds without it")
      ->type_name("LIST");
  app.add_flag("--dcgm-labels", out.dcgm_labels,
               "name the model's label modelName, as dcgm-exporter does, not model_name");
  app.add_option("--training", out.training,
                 "where training scripts leave their figures; else ENVBUNDLE_TRAINING_DIR, else a\n"
                 "folder in the user's state directory")
      ->type_name("DIR");
  app.add_option("--training-keep", out.training_keep_seconds,
                 "seconds that a run's figures stay after its last")
      ->check(CLI::Range(1.0, 1e9))
      ->capture_default_str();
  app.add_option("--log", out.log, "append the log, lines of JSON, to this file (else: stderr)")
      ->type_name("FILE");
  app.add_option("--log-max-bytes", out.log_max_bytes, "rotate the log at this size")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  app.add_option("--log-keep", out.log_keep, "how many old log files stay, FILE.1 is the youngest")
      ->check(CLI::Range(0U, 1000U))
      ->capture_default_str();
  app.add_option("--log-input", out.log_input,
                 "export nothing: copy standard input to the log, a record a line, under this name")
      ->type_name("NAME");
  app.add_option("--root", out.root, "the release; without it, the one that this program lies in")
      ->type_name("RELEASE");
  app.set_version_flag("--version", "envmetrics " EB_VERSION);
}

}  // namespace

Options parse_options(int argc, char** argv, int* exit_code) {
  Options out;
  *exit_code = -1;
  CLI::App app(kDescription, "envmetrics");
  declare(app, out);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    *exit_code = app.exit(success, std::cout, std::cerr);
    return out;
  } catch (const CLI::ParseError& error) {
    throw Error(ExitCode::kUsage, "the command line is not understood")
        .why(error.what())
        .hint("--help says what there is");
  }
  if (out.log_max_bytes < 1024) {
    throw Error(ExitCode::kUsage, "a log of so few bytes holds nothing")
        .where("--log-max-bytes " + std::to_string(out.log_max_bytes))
        .hint("1024 is the least");
  }
  if (out.listen.empty() && out.textfile.empty() && !out.once) out.listen = "127.0.0.1:9400";
  if (out.root.empty() && argc > 0) out.root = root_of_program(argv[0]);
  return out;
}

ListenAddress parse_listen(const std::string& text) {
  const auto refuse = [&](const char* why) {
    return Error(ExitCode::kUsage, "not an address to listen at")
        .where("--listen " + text)
        .why(why)
        .hint("such as 127.0.0.1:9400, [::1]:9400, or 127.0.0.1:0 for a free port");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw refuse("there is no port");
  ListenAddress out;
  out.host = text.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  if (out.host.empty() || out.host == "localhost") out.host = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(out.host, error);
  if (error) throw refuse("the part before the port is no IP address");
  const char* const begin = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, out.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) throw refuse("the port is not 0 to 65535");
  return out;
}

}  // namespace eb::metrics
