#include "runtime/envrun/notebook/announcement.hpp"

#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace eb {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);
// A cold import of Jupyter from a busy Lustre takes more than a minute (HPC.md §6).
constexpr int kMostPauses = 3000;

}  // namespace

void announce(World& world, const JupyterOptions& options, const ServerRecord& record,
              const std::string& token_file, const std::string& token) {
  const ServerAddress& address = record.address;
  const std::string tunnel = tunnel_command(world, address);
  const std::string on_network = network_url(world, address);
  tell(world, "JupyterLab is ready");
  std::string text = "  open    " + browser_url(address, world.err_is_terminal ? token : "") + "\n";
  if (!on_network.empty()) text += "  or      " + on_network + "\n";
  text += "  token   in " + token_file + "\n";
  text += "  tunnel  " + tunnel + "\n";
  world.err << text << std::flush;
  if (record.token.empty() && !record.has_password) {
    warn(world, "your Jupyter configuration turns the token off: who reaches the port is let in");
  } else if (record.token != token) {
    warn(world, "your Jupyter configuration sets a token or password; the token file is not used");
  }
  if (options.json) {
    world.out
        << nlohmann::ordered_json{{"record", "jupyter"},          {"url", browser_url(address)},
                                  {"network_url", on_network},    {"ip", address.ip},
                                  {"port", address.port},         {"sock", address.socket},
                                  {"base_url", address.base_url}, {"tls", address.tls},
                                  {"token_file", token_file},     {"tunnel", tunnel},
                                  {"host", world.host_name},      {"pid", record.pid}}
               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
        << "\n";
  }
  if (options.print_url) world.out << browser_url(address, token) << "\n";
  world.out << std::flush;
}

Announcer::Announcer(World& world, const JupyterOptions& options, std::string scratch,
                     std::string token_file, std::string token) {
  // Signals are for the thread that passes them on.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::jthread([&world, options, scratch = std::move(scratch),
                          token_file = std::move(token_file),
                          token = std::move(token)](const std::stop_token& stop) {
    for (int i = 0; i < kMostPauses && !stop.stop_requested(); ++i) {
      const auto record = find_server_record(world.sys, scratch);
      if (record && is_listening(record->address)) {
        announce(world, options, *record, token_file, token);
        return;
      }
      std::this_thread::sleep_for(kPause);
    }
    if (!stop.stop_requested()) {
      warn(world, "JupyterLab does not answer after five minutes; it is left to run");
    }
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace eb
