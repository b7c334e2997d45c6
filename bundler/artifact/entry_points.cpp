#include "bundler/artifact/entry_points.hpp"

#include <algorithm>
#include <cctype>

#include "bundler/artifact/artifact_error.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {
namespace {

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\f\v");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\f\v") - first + 1);
}

// "name.name": goes into the text of a program, so nothing but identifiers may pass. Bytes from
// 0x80 on are letters of some script (PEP 3131); Python itself refuses the few that are not.
bool is_dotted_name(std::string_view text) {
  bool at_begin = true;
  for (const char c : text) {
    if (c == '.') {
      if (at_begin) return false;
      at_begin = true;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = std::isalpha(byte) != 0 || c == '_' || byte >= 0x80;
    if (!letter && (at_begin || std::isdigit(byte) == 0)) return false;
    at_begin = false;
  }
  return !at_begin;
}

}  // namespace

std::string script_name_problem(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return "the name holds a '/'";
  if (name.find('\\') != std::string_view::npos) return "the name holds a '\\'";
  if (const auto problem = RelPath::problem(name)) return *problem;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view stem : {"pythonw", "python", "pypy", "graalpy"}) {
    if (lower.starts_with(stem) &&
        lower.find_first_not_of("0123456789.t", stem.size()) == std::string::npos) {
      return "the name is an interpreter's";
    }
  }
  return "";
}

std::vector<EntryPoint> parse_entry_points(std::string_view text, std::string_view artifact,
                                           std::string_view entry) {
  std::vector<EntryPoint> out;
  std::string section;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = trim(line.substr(1, line.size() - 2));
      continue;
    }
    if (section != "console_scripts" && section != "gui_scripts") continue;
    const auto fail = [&](std::string why) {
      return bad_artifact("an invalid entry point", artifact, entry,
                          "'" + std::string(line) + "': " + std::move(why));
    };
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw fail("it has no '='");
    EntryPoint found;
    found.gui = section == "gui_scripts";
    found.name = trim(line.substr(0, equals));
    if (std::string problem = script_name_problem(found.name); !problem.empty()) {
      throw fail(std::move(problem));
    }
    std::string_view value = trim(line.substr(equals + 1));
    if (value.ends_with(']')) value = trim(value.substr(0, value.rfind('[')));
    const size_t colon = value.find(':');
    if (colon == std::string_view::npos) throw fail("a script needs 'module:function'");
    found.module = trim(value.substr(0, colon));
    found.attribute = trim(value.substr(colon + 1));
    if (!is_dotted_name(found.module) || !is_dotted_name(found.attribute)) {
      throw fail("module and function must be Python names");
    }
    const auto other = std::find_if(out.begin(), out.end(), [&found](const EntryPoint& have) {
      return have.name == found.name;
    });
    if (other == out.end()) {
      out.push_back(std::move(found));
    } else if (*other != found) {
      throw fail("the name stands there twice");
    }
  }
  return out;
}

std::string entry_point_script(const EntryPoint& entry_point) {
  const std::string first = entry_point.attribute.substr(0, entry_point.attribute.find('.'));
  std::string quoted;
  for (const char c : entry_point.name) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return "#!/usr/bin/env python3\n"
         "import os\n"
         "import sys\n"
         "\n"
         "from " +
         entry_point.module + " import " + first +
         "\n"
         "\n"
         "if __name__ == \"__main__\":\n"
         "    sys.argv[0] = os.path.join(sys.prefix, \"bin\", \"" +
         quoted +
         "\")\n"
         "    sys.exit(" +
         entry_point.attribute + "())\n";
}

}  // namespace eb
