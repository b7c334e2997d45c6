#include <algorithm>
#include <set>
#include <string_view>

#include "installer/base/error.hpp"
#include "runtime/envrun/cli/described.hpp"

namespace eb {
namespace {

using Options = std::vector<DescribedOption>;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& each : words) out += (out.empty() ? "" : between) + each;
  return out;
}

// In single quotes, for bash and zsh.
std::string shell_word(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

// Also fish takes a backslash inside single quotes for an escape.
std::string quoted_for_fish(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

// The program's own options may stand behind a sub-command as well.
Options options_of(const DescribedCommand& program, const DescribedCommand& command) {
  Options out = command.options;
  for (const DescribedOption& each : program.options) {
    const bool is_there = std::ranges::any_of(
        out, [&](const DescribedOption& own) { return own.names == each.names; });
    if (!is_there && !each.value.empty()) out.push_back(each);
  }
  return out;
}

// All option names that a value follows.
std::string names_with_value(const DescribedCommand& program, const std::string& between) {
  std::set<std::string> names;
  const auto add = [&](const DescribedCommand& command) {
    for (const DescribedOption& each : command.options) {
      if (!each.value.empty()) names.insert(each.names.begin(), each.names.end());
    }
  };
  add(program);
  for (const DescribedCommand& each : program.commands) add(each);
  return joined({names.begin(), names.end()}, between);
}

std::string choices_of(const Options& positionals) {
  std::string out;
  for (const DescribedOption& each : positionals) out += " " + joined(each.choices, " ");
  return out;
}

// --- bash ----------------------------------------------------------------------------------------

std::string bash_words(const Options& options) {
  std::string words;
  for (const DescribedOption& each : options) words += joined(each.names, " ") + " ";
  return words;
}

std::string bash_values(const std::string& command, const Options& options) {
  std::string text;
  for (const DescribedOption& each : options) {
    if (each.value.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : each.names) {
      patterns.push_back(command);
      patterns.back().append(":").append(name);
    }
    text += "    " + joined(patterns, "|") + ") ";
    if (!each.choices.empty()) {
      text += "words=" + shell_word(joined(each.choices, " ")) + " ;;\n";
    } else {
      text += each.is_file() ? "files=1 ;;\n" : "return ;;\n";
    }
  }
  return text;
}

std::string bash_script(const DescribedCommand& program) {
  std::string starting, passing, values, words;
  for (const DescribedCommand& each : program.commands) {
    if (each.passes_rest_on) {
      std::string& list = each.starts_program ? starting : passing;
      list += (list.empty() ? "" : "|") + each.name;
      continue;
    }
    values += bash_values(each.name, options_of(program, each));
    words += "    " + each.name + ") words=" +
             shell_word(bash_words(options_of(program, each)) + choices_of(each.positionals)) +
             " ;;\n";
  }
  std::vector<std::string> names;
  for (const DescribedCommand& each : program.commands) names.push_back(each.name);
  std::string text = R"(# bash completion of %NAME%, made from its own table of options
_%NAME%() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} sub= words= files= i program=
  COMPREPLY=()
  # "--name=value" comes as three words.
  [[ $cur == = ]] && cur=
  [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
  for ((i = 1; i < COMP_CWORD && program == 0; i++)); do
    case ${COMP_WORDS[i]} in
      --) program=$((i + 1)) ;;
      %VALUED%) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i++)) ;;
      -*) ;;
      *) [[ -z $sub ]] && sub=${COMP_WORDS[i]}
         case $sub in
           %STARTING%) program=$((i + 1)) ;;
           %PASSING%) compopt -o default 2>/dev/null; return ;;
         esac ;;
    esac
  done
  if ((program)); then
    if declare -F _command_offset >/dev/null; then
      _command_offset "$program"
    elif ((program == COMP_CWORD)); then
      mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    else
      compopt -o default 2>/dev/null
    fi
    return
  fi
  case $sub:$prev in
%VALUES%    *) case $sub in
    '') words=%TOP% ;;
%WORDS%    esac ;;
  esac
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -F _%NAME% %NAME%
)";
  text = replaced(text, "program == 0", "!program");
  text = replaced(text, "%VALUED%", names_with_value(program, "|"));
  text = replaced(text, "%STARTING%", starting.empty() ? "''" : starting);
  text = replaced(text, "%PASSING%", passing.empty() ? "''" : passing);
  text =
      replaced(text, "%TOP%", shell_word(joined(names, " ") + " " + bash_words(program.options)));
  text = replaced(text, "%VALUES%", bash_values("", program.options) + values);
  text = replaced(text, "%WORDS%", words);
  return replaced(text, "%NAME%", program.name);
}

// --- zsh -----------------------------------------------------------------------------------------

std::string zsh_text(const std::string& text) {
  std::string out = replaced(text, "\\", "\\\\");
  for (const char* each : {"[", "]", ":"}) out = replaced(out, each, std::string("\\") + each);
  return out;
}

std::string zsh_value(const DescribedOption& option) {
  std::string action = " ";
  if (option.is_file()) action = option.value == "DIR" ? "_files -/" : "_files";
  if (!option.choices.empty()) action = "(" + joined(option.choices, " ") + ")";
  return ":" + zsh_text(option.value) + ":" + action;
}

std::string zsh_options(const Options& options, const std::string& indent) {
  std::string text;
  for (const DescribedOption& each : options) {
    for (const std::string& name : each.names) {
      std::string spec = each.names.size() > 1 ? "(" + joined(each.names, " ") + ")" : "";
      spec += name;
      if (!each.value.empty()) spec += name.starts_with("--") ? "=" : "+";
      spec += "[" + zsh_text(each.text) + "]";
      if (!each.value.empty()) spec += zsh_value(each);
      text += indent + shell_word(spec) + " \\\n";
    }
  }
  return text;
}

std::string zsh_script(const DescribedCommand& program) {
  std::string list, cases;
  for (const DescribedCommand& each : program.commands) {
    list += "        " + shell_word(zsh_text(each.name) + ":" + each.summary) + "\n";
    cases += "        " + each.name + ")\n";
    if (each.passes_rest_on) {
      cases += each.starts_program ? "          shift words; ((CURRENT--)); _normal ;;\n"
                                   : "          _files && ret=0 ;;\n";
      continue;
    }
    cases += "          _arguments \\\n";
    cases += zsh_options(options_of(program, each), "            ");
    for (const DescribedOption& positional : each.positionals) {
      cases += "            " + shell_word("1" + zsh_value(positional)) + " \\\n";
    }
    cases += "            && ret=0 ;;\n";
  }
  std::string text = R"(#compdef %NAME%
# zsh completion of %NAME%, made from its own table of options
_%NAME%() {
  local curcontext=$curcontext state line ret=1 at=${words[(i)--]}
  if ((at < CURRENT)); then
    words=("${(@)words[at+1,-1]}")
    ((CURRENT -= at))
    _normal
    return
  fi
  typeset -A opt_args
  _arguments -C \
%TOP%    '1: :->first' '*:: :->rest' && ret=0
  case $state in
    first)
      local -a commands=(
%LIST%      )
      _describe 'sub-command' commands && ret=0 ;;
    rest)
      case $line[1] in
%CASES%        *) _normal ;;
      esac ;;
  esac
  return ret
}
if [[ $funcstack[1] == _%NAME% ]]; then _%NAME% "$@"; else compdef _%NAME% %NAME%; fi
)";
  text = replaced(text, "%TOP%", zsh_options(program.options, "    "));
  text = replaced(text, "%LIST%", list);
  text = replaced(text, "%CASES%", cases);
  return replaced(text, "%NAME%", program.name);
}

// --- fish ----------------------------------------------------------------------------------------

std::string fish_options(const std::string& begin, const Options& options) {
  std::string text;
  for (const DescribedOption& each : options) {
    text += begin;
    for (const std::string& name : each.names) {
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!each.value.empty()) text += each.is_file() ? " -r -F" : " -x";
    if (!each.choices.empty()) text += " -a " + quoted_for_fish(joined(each.choices, " "));
    text += " -d " + quoted_for_fish(each.text) + "\n";
  }
  return text;
}

std::string fish_script(const DescribedCommand& program) {
  std::string text = R"(# fish completion of %NAME%, made from its own table of options
function __%NAME%_sub
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --
                echo %PROGRAM%
                return
            case %VALUED%
                set skip 1
            case '-*'
            case '*'
                echo $word
                return
        end
    end
end
function __%NAME%_in
    set -l sub (__%NAME%_sub)
    test "$sub" = "$argv[1]"
end
complete -c %NAME% -f
)";
  text = replaced(text, "%VALUED%", names_with_value(program, " "));
  text += fish_options("complete -c %NAME% -n \"__%NAME%_in ''\"", program.options);
  for (const DescribedCommand& each : program.commands) {
    text += "complete -c %NAME% -n \"__%NAME%_in ''\" -a " + each.name + " -d " +
            quoted_for_fish(each.summary) + "\n";
  }
  const std::string a_program = " -F -a '(__fish_complete_command)'\n";
  text += "complete -c %NAME% -n '__%NAME%_in %PROGRAM%'" + a_program;
  for (const DescribedCommand& each : program.commands) {
    const std::string begin = "complete -c %NAME% -n '__%NAME%_in " + each.name + "'";
    if (each.passes_rest_on) {
      text += begin + (each.starts_program ? a_program : " -F\n");
      continue;
    }
    text += fish_options(begin, options_of(program, each));
    const std::string choices = choices_of(each.positionals);
    if (choices.find_first_not_of(' ') != choices.npos) {
      text += begin + " -a " + quoted_for_fish(choices.substr(1)) + "\n";
    }
  }
  // What stands behind "--"; no sub-command is called so.
  text = replaced(text, "%PROGRAM%", "program-follows");
  return replaced(text, "%NAME%", program.name);
}

}  // namespace

std::string completion_script(const DescribedCommand& program, const std::string& shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  throw Error(ExitCode::kUsage, "there is no completion for this shell: " + shell)
      .hint("there is one for bash, zsh and fish");
}

}  // namespace eb
