#include <cctype>
#include <sstream>

#include "runtime/envrun/cli/described.hpp"

namespace eb {
namespace {

// Of the text, not of the build: the page must be the same bytes from the same sources.
constexpr char kDate[] = "2026-11-24";

std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

// Input lines of at most 78 bytes, as roff's own style has it, broken at spaces.
std::string wrapped(const std::string& text) {
  std::string out, line = text.substr(0, text.find_first_not_of(' '));
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool is_first = line.find_first_not_of(' ') == std::string::npos;
    if (!is_first && line.size() + word.size() > 77) {
      out += line + "\n";
      // What was no control line must not become one by its new place.
      line = word.starts_with('.') || word.starts_with('\'') ? "\\&" + word : word;
    } else {
      line += (is_first ? "" : " ") + word;
    }
  }
  return out + line + "\n";
}

// Text whose line breaks count.
std::string lines(const std::string& text) {
  std::string out;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) {
    // A line that begins with a space breaks by itself.
    out += (out.empty() || line.starts_with(' ') ? "" : ".br\n") + wrapped(roff(line));
  }
  return out;
}

std::string option_list(const std::vector<DescribedOption>& options) {
  std::string out;
  for (const DescribedOption& each : options) {
    out += ".TP\n";
    std::string names;
    for (const std::string& name : each.names) {
      names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
    }
    if (!each.value.empty()) {
      std::string value = each.value;
      for (size_t i = 0; i < each.choices.size(); ++i) {
        value = (i == 0 ? "" : value + "|") + each.choices[i];
      }
      names += (names.empty() ? "\\fI" : " \\fI") + roff(value) + "\\fR";
    }
    std::string text = roff(each.text);
    if (!each.preset.empty()) text += " (default: " + roff(each.preset) + ")";
    out += names + "\n" + wrapped(text);
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string command_section(const DescribedCommand& program, const DescribedCommand& command) {
  std::string out = ".SS " + roff(command.name) + "\n" + wrapped(roff(command.summary) + ".") +
                    ".PP\n\\fB" + roff(program.name + " " + command.name) + "\\fR";
  if (!command.options.empty()) out += " [\\fIOPTIONS\\fR]";
  for (const DescribedOption& each : command.positionals)
    out += " \\fI" + roff(each.value) + "\\fR";
  if (command.passes_rest_on) out += " \\fIARGUMENTS\\fR";
  out += "\n" + option_list(command.positionals) + option_list(command.options);
  if (!command.footer.empty()) out += ".PP\n" + lines(command.footer);
  return out;
}

}  // namespace

std::string manual_page(const DescribedCommand& program) {
  const std::string first = program.summary.substr(0, program.summary.find('\n'));
  std::string name_line = first;
  if (!name_line.empty() && name_line.back() == '.') name_line.pop_back();
  if (!name_line.empty()) {
    name_line[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name_line[0])));
  }
  std::string out = ".TH " + upper(program.name) + " 1 " + kDate + " \"envbundle " + EB_VERSION +
                    "\"\n.SH NAME\n" + wrapped(roff(program.name) + " \\- " + roff(name_line)) +
                    ".SH SYNOPSIS\n\\fB" + program.name +
                    "\\fR [\\fIOPTIONS\\fR] \\-\\- \\fIPROGRAM\\fR [\\fIARGUMENTS\\fR]\n.br\n\\fB" +
                    program.name +
                    "\\fR [\\fIOPTIONS\\fR] \\fISUBCOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
                    ".SH DESCRIPTION\n";
  out += lines(program.summary) + ".SH OPTIONS\n" + option_list(program.options) +
         ".SH SUB\\-COMMANDS\n";
  for (const DescribedCommand& each : program.commands) out += command_section(program, each);
  return out + ".SH NOTES\n" + lines(program.footer);
}

}  // namespace eb
