#include "runtime/metrics/serve.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "installer/base/error.hpp"
#include "runtime/metrics/bounded_file.hpp"
#include "runtime/metrics/http_server.hpp"
#include "runtime/metrics/written_file.hpp"

namespace eb::metrics {
namespace {

namespace asio = boost::asio;
constexpr size_t kMinTokenBytes = 16;

std::string read_token(const std::string& path) {
  if (path.empty()) return {};
  std::string token = read_text(path, 4096).value_or("");
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  if (token.size() >= kMinTokenBytes) return token;
  throw Error(ExitCode::kUsage, "the token cannot be used")
      .where(path)
      .why("it cannot be read, or has fewer than " + std::to_string(kMinTokenBytes) + " characters")
      .hint("openssl rand -hex 32 > " + path);
}

std::string target_text(const asio::ip::tcp::endpoint& address) {
  const std::string host = address.address().to_string();
  const std::string port = ':' + std::to_string(address.port());
  return (address.address().is_v6() ? '[' + host + ']' : host) + port;
}

/// A target as Prometheus' file_sd_configs wants it.
std::string file_sd_text(const std::string& target, const PageFacts& facts) {
  nlohmann::ordered_json labels = {{"host", facts.host}};
  if (!facts.job_id.empty()) labels["slurm_job_id"] = facts.job_id;
  const nlohmann::ordered_json json = {
      {{"targets", nlohmann::json::array({target})}, {"labels", labels}}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::unique_ptr<HttpServer> listen(asio::io_context& io, const Options& options,
                                   const Exporter& exporter, JsonLog& log) {
  const ListenAddress wanted = parse_listen(options.listen);
  const auto address = asio::ip::make_address(wanted.host);
  std::string token = read_token(options.token_file);
  if (!address.is_loopback() && token.empty()) {
    log.warn(
        "open_to_the_network",
        {{"address", options.listen},
         {"detail", "whoever reaches this port reads the metrics; --token-file asks for a token"}});
  }
  try {
    return std::make_unique<HttpServer>(
        io, asio::ip::tcp::endpoint(address, wanted.port), [&exporter] { return exporter.page(); },
        std::move(token));
  } catch (const boost::system::system_error& error) {
    throw Error(ExitCode::kBusy, "cannot listen")
        .where(options.listen)
        .why(error.code().message())
        .hint("--listen " + wanted.host + ":0 takes a free port and prints it");
  }
}

/// Writes the textfile now and every interval.
class TextfileWriter {
 public:
  TextfileWriter(asio::io_context& io, const Options& options, const Exporter& exporter,
                 JsonLog& log)
      : timer_(io),
        interval_(options.interval_seconds),
        exporter_(exporter),
        log_(log),
        file_(options.textfile + "/envbundle.prom") {
    file_.write(exporter_.page());
    wait();
  }

 private:
  void wait() {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(interval_));
    timer_.async_wait([this](const boost::system::error_code& aborted) {
      if (aborted) return;
      write();
      wait();
    });
  }
  void write() {
    try {
      file_.write(exporter_.page());
      if (is_failing_) log_.info("textfile_back", {{"path", file_.path()}});
      is_failing_ = false;
    } catch (const Error& error) {
      if (!is_failing_)
        log_.warn("textfile_failed", {{"path", error.where()}, {"why", error.why()}});
      is_failing_ = true;
    }
  }

  asio::steady_timer timer_;
  std::chrono::duration<double> interval_;
  const Exporter& exporter_;
  JsonLog& log_;
  WrittenFile file_;
  bool is_failing_ = false;
};

}  // namespace

void serve(const Options& options, const Exporter& exporter, JsonLog& log) {
  asio::io_context io(1);
  asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  signals.async_wait([&](const boost::system::error_code& error, int number) {
    if (error) return;
    log.info("ending", {{"signal", std::to_string(number)}});
    io.stop();
  });
  std::optional<TextfileWriter> textfile;
  if (!options.textfile.empty()) textfile.emplace(io, options, exporter, log);
  std::unique_ptr<HttpServer> server;
  std::optional<WrittenFile> target_file;
  if (!options.listen.empty()) {
    server = listen(io, options, exporter, log);
    const std::string target = target_text(server->address());
    if (!options.file_sd.empty()) {
      target_file.emplace(options.file_sd);
      target_file->write(file_sd_text(target, exporter.facts()));
    }
    std::printf("listening on http://%s/metrics\n", target.c_str());
    std::fflush(stdout);
    log.info("listening", {{"address", target}});
  }
  io.run();
}

}  // namespace eb::metrics
