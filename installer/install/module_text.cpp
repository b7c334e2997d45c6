#include "installer/install/module_text.hpp"

#include <algorithm>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kMarkBytes = 512;

struct Span {
  size_t begin = 0;
  size_t size = 0;
};

// Where the value of `key` stands between its quotes.
std::optional<Span> find_value(std::string_view text, std::string_view key) {
  const std::string lua = "local " + std::string(key) + " = \"";
  const std::string tcl = "set " + std::string(key) + " \"";
  for (size_t line = 0; line < text.size();) {
    const std::string_view rest = text.substr(line);
    for (const std::string& begin : {lua, tcl}) {
      if (!rest.starts_with(begin)) continue;
      const size_t end = rest.find_first_of("\"\n", begin.size());
      if (end == std::string_view::npos || rest[end] == '\n') return std::nullopt;
      return Span{line + begin.size(), end - begin.size()};
    }
    const size_t next = rest.find('\n');
    if (next == std::string_view::npos) break;
    line += next + 1;
  }
  return std::nullopt;
}

void set_value(std::string& text, std::string_view key, const std::string& value) {
  if (const auto at = find_value(text, key)) text.replace(at->begin, at->size, value);
}

// Nothing that a quoted string of Lua or Tcl would take for more than itself.
bool is_name(std::string_view name) {
  return name.front() != '-' && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._+-/").find(c) != std::string_view::npos;
         });
}

}  // namespace

bool is_module_text(std::string_view text) {
  return text.substr(0, kMarkBytes).find(kModuleMark) != std::string_view::npos;
}

std::optional<std::string> module_value(std::string_view text, std::string_view key) {
  const auto at = find_value(text, key);
  if (!at) return std::nullopt;
  return std::string(text.substr(at->begin, at->size));
}

std::string fill_module_text(std::string text, const ModuleValues& values) {
  set_value(text, "above", std::to_string(values.above));
  set_value(text, "below", values.below);
  if (values.conflicts) set_value(text, "conflicts", *values.conflicts);
  set_value(text, "layout", values.layout);
  return text;
}

std::string parse_conflicts(const std::string& list) {
  std::string out;
  if (list == "none") return out;
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find_first_of(", ", begin), list.size());
    if (end > begin) {
      const std::string name = list.substr(begin, end - begin);
      if (!is_name(name)) {
        throw Error(ExitCode::kUsage, "not the name of a module")
            .where("--module-conflict " + list)
            .why("'" + printable(name) + "' has a character that module names have not")
            .hint("such as --module-conflict cuda,conda; or none, or default");
      }
      out += (out.empty() ? "" : " ") + name;
    }
    begin = end + 1;
  }
  return out;
}

}  // namespace eb
