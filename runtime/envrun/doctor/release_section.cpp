#include <algorithm>
#include <nlohmann/json.hpp>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/index.hpp"
#include "runtime/envrun/doctor/release.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

constexpr size_t kMaxReport = 4u << 20;

std::string text_in(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string check_command(const Machine& machine) {
  return "on a node with a GPU: envinstall check " + machine.place.prefix +
         (machine.place.is_current ? "" : " " + machine.place.release_name);
}

void add_report(const Machine& machine, const nlohmann::json& report, Observations& out) {
  const std::string state = text_in(report, "state");
  const std::string when = text_in(report, "when") + " on " + text_in(report, "host") +
                           ", driver " + text_in(report, "driver");
  std::string reason;
  if (const auto at = report.find("reasons");
      at != report.end() && at->is_array() && !at->empty() && at->front().is_string()) {
    reason = at->front().get<std::string>();
  }
  const std::string whole = "the whole report: " + machine.place.prefix + "/.envinstall/check-" +
                            machine.place.release_name + ".txt";
  if (state == "passed") {
    out.ok("gpu check", "passed " + when);
  } else if (state == "failed") {
    out.problem("gpu check", "failed " + when, reason, {whole, "again, " + check_command(machine)});
  } else {
    out.note("gpu check", state + " " + when).next = {check_command(machine)};
  }
}

}  // namespace

std::optional<std::map<std::string, std::string>> read_release_meta(const Machine& machine) {
  const std::string path = machine.place.at(".bundle/index");
  if (!machine.may_read(path)) return std::nullopt;
  const auto info = machine.files.info(path);
  if (!info || info->st_size < 0 || static_cast<uint64_t>(info->st_size) > kMaxIndexSize) {
    return std::nullopt;
  }
  const auto text = machine.files.read(path, static_cast<size_t>(info->st_size));
  if (!text) return std::nullopt;
  try {
    return parse_index(std::as_bytes(std::span(*text))).meta;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string release_python(const Machine& machine) {
  constexpr std::string_view kPrefix = "python3.";
  for (const std::string& name : machine.files.names(machine.place.at("lib"))) {
    if (name.starts_with(kPrefix) && number_of(std::string_view(name).substr(kPrefix.size()))) {
      return name.substr(std::string_view("python").size());
    }
  }
  return {};
}

std::string distribution_version(const Machine& machine, const std::string& prefix) {
  const std::string python = release_python(machine);
  if (python.empty()) return {};
  constexpr std::string_view kSuffix = ".dist-info";
  for (const char* folder : {"site-packages", "dist-packages"}) {
    for (const std::string& name :
         machine.files.names(machine.place.at("lib/python" + python + "/" + folder))) {
      if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
      const size_t dash = name.find('-');
      if (dash == std::string::npos || dash + kSuffix.size() >= name.size()) continue;
      return name.substr(dash + 1, name.size() - kSuffix.size() - dash - 1);
    }
  }
  return {};
}

Observations examine_release(const Machine& machine) {
  Observations out;
  const Place& place = machine.place;
  if (place.is_current) {
    out.ok("release", place.release_name + ", the active one of " + place.prefix);
  } else if (place.prefix == place.release) {
    out.note("release", place.release + ", outside of a prefix");
  } else {
    out.note("release", place.release_name + ", not the active one of " + place.prefix);
  }
  if (!machine.may_read(place.prefix)) return out;
  const std::string report_path =
      place.prefix + "/.envinstall/check-" + place.release_name + ".json";
  const auto text = machine.files.read(report_path, kMaxReport);
  const auto report = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (report.is_object()) {
    add_report(machine, report, out);
  } else if (text) {
    out.warning("gpu check", "the report of the last check cannot be understood", report_path,
                {"again, " + check_command(machine)});
  } else {
    out.note("gpu check", "no report of a check is kept here").next = {check_command(machine)};
  }
  return out;
}

}  // namespace eb
