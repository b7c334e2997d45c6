#include "bundler/lock/pip_settings.hpp"

#include <nlohmann/json.hpp>

#include "bundler/lock/program.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

// The options of `pip install` without arguments are what pip's configuration comes to.
constexpr const char* kQuestion = R"(
import json
from pip._internal.commands import create_command
options, _ = create_command("install").parse_args([])
print(json.dumps({
    "index_url": None if options.no_index else options.index_url,
    "extra_index_urls": [] if options.no_index else options.extra_index_urls,
    "find_links": options.find_links,
    "trusted_hosts": options.trusted_hosts,
    "cert": options.cert,
}))
)";

Error no_answer(const std::string& python, std::string why) {
  return Error(ExitCode::kNetwork, "cannot ask pip which index it uses")
      .where(python + " -m pip")
      .why(std::move(why))
      .hint("install pip for this Python, or name the index: --index-url URL");
}

std::vector<std::string> texts(const nlohmann::json& answer, const char* key) {
  std::vector<std::string> out;
  for (const auto& item : answer.value(key, nlohmann::json::array())) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

std::string text(const nlohmann::json& answer, const char* key) {
  const auto at = answer.find(key);
  return at != answer.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

PipSettings ask_pip(const std::string& python) {
  if (!program_exists(python)) throw no_answer(python, "there is no program " + python);
  const ProgramResult result = run_program({{python, "-c", kQuestion}, {}});
  if (result.status != 0) throw no_answer(python, last_lines(result.errors, 1));
  const auto answer = nlohmann::json::parse(result.output, nullptr, false);
  if (!answer.is_object()) throw no_answer(python, "its answer is no JSON");
  PipSettings out;
  out.index_url = text(answer, "index_url");
  out.extra_index_urls = texts(answer, "extra_index_urls");
  out.find_links = texts(answer, "find_links");
  out.trusted_hosts = texts(answer, "trusted_hosts");
  out.cert = text(answer, "cert");
  return out;
}

}  // namespace eb
