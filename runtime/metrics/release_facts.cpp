#include "runtime/metrics/release_facts.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/metrics/bounded_file.hpp"

namespace eb::metrics {
namespace {

using Json = nlohmann::json;

constexpr size_t kReceiptBytes = 64U << 10U;
constexpr size_t kReportBytes = 4U << 20U;

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> out(realpath(path.c_str(), nullptr),
                                                        &std::free);
  return out ? std::string(out.get()) : std::string();
}

/// The rest of the line that begins with "KEY ".
std::string line_of(const std::string& text, const std::string& key) {
  const std::string all = '\n' + text;
  const std::string beginning = '\n' + key + ' ';
  const size_t at = all.find(beginning);
  if (at == std::string::npos) return {};
  const size_t begin = at + beginning.size();
  return all.substr(begin, std::min(all.find('\n', begin), all.size()) - begin);
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void read_check(const std::string& path, ReleaseFacts& out) {
  const auto text = read_text(path, kReportBytes);
  if (!text) return;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return;
  out.check_state = text_at(json, "state");
  out.checked = utc_seconds(text_at(json, "when"));
  const auto steps = json.find("steps");
  if (steps == json.end() || !steps->is_array()) return;
  for (const Json& step : *steps) {
    if (const std::string state = step.is_object() ? text_at(step, "state") : ""; !state.empty()) {
      ++out.check_steps[state];
    }
  }
}

}  // namespace

std::string root_of_program(std::string_view argv0) {
  const size_t slash = argv0.rfind('/');
  if (slash == std::string_view::npos) return {};
  std::string_view rest = argv0.substr(0, slash);
  constexpr std::string_view kFolder = "/libexec/envbundle";
  constexpr std::string_view kReal = "/libexec/real";
  if (!rest.ends_with(kFolder)) return {};
  rest.remove_suffix(kFolder.size());
  if (rest.ends_with(kReal)) rest.remove_suffix(kReal.size());
  return rest.empty() ? "/" : std::string(rest);
}

std::optional<double> utc_seconds(std::string_view text) {
  // Our own texts only, so no library: std::chrono::parse came with GCC 14.
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return {};
  for (size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return {};
  }
  const auto number = [&](size_t at, size_t digits) {
    int out = 0;
    for (const char c : text.substr(at, digits)) out = out * 10 + (c - '0');
    return out;
  };
  namespace chrono = std::chrono;
  const chrono::year_month_day day{chrono::year(number(0, 4)),
                                   chrono::month(static_cast<unsigned>(number(5, 2))),
                                   chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok()) return {};
  return static_cast<double>(chrono::sys_days(day).time_since_epoch().count()) * 86400 +
         number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
}

ReleaseFacts read_release_facts(const std::string& root) {
  ReleaseFacts out;
  const std::string place = resolved(root);
  if (place.empty()) return out;
  const size_t slash = place.rfind('/');
  out.release = place.substr(slash + 1);
  const std::string receipt = read_text(place + "/.bundle/receipt", kReceiptBytes).value_or("");
  out.name = line_of(receipt, "name");
  out.id = line_of(receipt, "id");
  out.counter = leading_number(line_of(receipt, "counter"));
  out.installed = leading_number(line_of(receipt, "installed"));
  const std::string above = place.substr(0, slash);
  if (!above.ends_with("/releases")) return out;
  const std::string prefix = above.substr(0, above.rfind('/'));
  if (const std::string current = resolved(prefix + "/current"); !current.empty()) {
    out.is_active = current == place;
  }
  read_check(prefix + "/.envinstall/check-" + out.release + ".json", out);
  return out;
}

}  // namespace eb::metrics
