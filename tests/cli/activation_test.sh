#!/bin/bash
# The activation scripts in every shell that they are for: what they set, and that `deactivate` leaves nothing of it: the
# whole environment, all shell variables, functions and aliases are compared. `activation_test.sh FOLDER_OF_SCRIPTS`;
# prints `N passed, N failed`.
set -uo pipefail
scripts=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
check() { # check LABEL WANTED GOT
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
  fi
}
make_prefix() { # a prefix as envinstall leaves it, with what the scripts look for
  local release=$1/releases/r-1
  mkdir -p "$release/bin" "$release"/share/{envbundle,man,bash-completion/completions,zsh/site-functions} \
    "$release/share/fish/vendor_completions.d"
  printf '#!/bin/sh\necho python of the prefix\n' >"$release/bin/python"
  cp "$release/bin/python" "$release/bin/envrun"
  chmod +x "$release"/bin/*
  cp "$scripts"/* "$release/share/envbundle/"
  printf '_envrun_words() { COMPREPLY=(check); }\ncomplete -F _envrun_words envrun\n' \
    >"$release/share/bash-completion/completions/envrun"
  printf '#compdef envrun\ncompadd check\n' >"$release/share/zsh/site-functions/_envrun"
  printf 'function _envrun_words\n  echo check\nend\ncomplete -c envrun -f -a "(_envrun_words)"\n' \
    >"$release/share/fish/vendor_completions.d/envrun.fish"
  ln -s releases/r-1 "$1/current"
  ln -s current/bin "$1/bin"
  ln -s current/share "$1/share"
}
prefix="$work/the prefix"
second="$work/second.+[x]"
make_prefix "$prefix"
make_prefix "$second"

export HOME=$work TEST_WORK=$work PATH=/usr/local/bin:/usr/bin:/bin
unset VIRTUAL_ENV ENVBUNDLE_PREFIX PYTHONHOME PYTHONNOUSERSITE PYTHONPATH MANPATH
wanted="$prefix/bin/python
$prefix/bin:$PATH
$PATH:/extra
gone"
activate='. "$1/share/envbundle/activate.sh"'

# run SHELL TEXT [VARIABLE=VALUE...]: TEXT as a script with $1 = prefix, $2 = second prefix, $3 = work.
run() {
  local shell=$1 text=$2 flags=-f
  shift 2
  case $shell in
    bash) flags=--norc ;;
    dash) flags=-e; set -- ENVBUNDLE_ACTIVATE="$prefix/share/envbundle/activate.sh" "$@" ;;
  esac
  env "$@" $shell $flags -c "$text" $shell "$prefix" "$second" "$work" 2>&1
}

# Into files: a variable with the listing would itself be listed. What a shell counts by itself is left out.
# shellcheck disable=SC2016
list='list() {
  { env; set; alias; typeset -f; functions; } 2>/dev/null | grep -v "^_=\|LINENO\|RANDOM\|SECONDS\|EPOCH\|TTYIDLE\|^BASH_[A-Z]*=\|^?=\|^status\|ERRNO\|OPTIND\|PIPESTATUS\|^FUNCNAME" | LC_ALL=C sort >"$TEST_WORK/now"
}
list; mv "$TEST_WORK/now" "$TEST_WORK/before"'
# shellcheck disable=SC2016
same='list; diff "$TEST_WORK/before" "$TEST_WORK/now" && echo same'
# shellcheck disable=SC2016
user='cd() { command cd "$@" && echo "a cd of my own"; }; alias ls="ls -l"; PYTHONPATH=/my/code; export PYTHONPATH'
states=(
  ""
  "PYTHONHOME=/another/python PYTHONNOUSERSITE=yes ENVBUNDLE_PREFIX=/before MANPATH=/usr/share/man: LD_LIBRARY_PATH=/my"
  "PATH=:/usr/bin:/bin: MANPATH=:/my/man"
  "PATH=/usr/bin:/bin:/with\ a\ blank MANPATH=/my/man::/other PYTHONHOME="
  "PATH=$(printf %q "$prefix")/bin:/usr/bin:/bin:$(printf %q "$prefix")/bin ENVBUNDLE_PREFIX=$(printf %q "$prefix")"
)

for shell in bash zsh dash; do
  body="$activate; $activate"'; command -v python; echo "$PATH"
    PATH=$PATH:/extra; deactivate; echo "$PATH"; echo "${ENVBUNDLE_PREFIX-gone}"'
  check "$shell" "$wanted" "$(run $shell "$body")"

  number=0
  for state in "${states[@]}"; do
    eval "variables=($state)"
    number=$((number + 1))
    label="$shell, state $number"
    check "$label: nothing left" same "$(run $shell "$user; $list; $activate; deactivate; $same" "${variables[@]}")"
    check "$label: nothing left, twice, -eu" same "$(run $shell "set -eu; $user; $list; $activate; $activate; deactivate
      $same" "${variables[@]}")"
    [ $shell = dash ] && continue # it is told one file by ENVBUNDLE_ACTIVATE
    check "$label: nothing left, two prefixes" "$second/bin/python
same" "$(run $shell "$user; $list; $activate"'
      . "$2/share/envbundle/activate.sh"; command -v python; deactivate; '"$same" "${variables[@]}")"
  done

  check "$shell: what is set" "$prefix 1 unset $prefix/share/man:/my/man /my/code /my/lib" "$(run $shell "$activate"';
    echo "$ENVBUNDLE_PREFIX $PYTHONNOUSERSITE ${PYTHONHOME-unset} $MANPATH $PYTHONPATH $LD_LIBRARY_PATH"' \
    PYTHONHOME=/x MANPATH=/my/man PYTHONPATH=/my/code LD_LIBRARY_PATH=/my/lib)"
  check "$shell: man's own places stay where MANPATH is not set" unset "$(run $shell "$activate; env | grep ^MANPATH || echo unset")"
  # shellcheck disable=SC2016
  check "$shell: a strange IFS" "$PATH" "$(run $shell "IFS=/:; $activate; deactivate; "'printf %s\\n "$PATH"')"
  check "$shell: the user's own deactivate stays" "mine
same" "$(run $shell "deactivate() { echo mine; }; $list; $activate; deactivate
    envbundle_deactivate; $same")"
  # A shell started from an activated one: its deactivate gives back what it was started with.
  check "$shell: a shell in the shell" "$prefix/bin:$PATH $prefix" "$(run $shell "$activate"'
    '$shell' -c '\'"$activate"'; deactivate; echo "$PATH $ENVBUNDLE_PREFIX"'\'' '$shell' "$1"')"
  check "$shell: a relative path" "$prefix/bin/python" "$(run $shell 'cd "$1/share"; . ./envbundle/../envbundle/activate.sh
    command -v python')"
done

# A venv on top has a `deactivate` of its own, which takes its own away, and ours with it.
python3 -m venv --without-pip "$work/venv" 2>/dev/null
for shell in bash zsh; do
  check "$shell: a venv on top" "$work/venv/bin/python
$prefix/bin/python
same" "$(run $shell "export PS1='P> '; $list; $activate"'; . "$3/venv/bin/activate"; command -v python
    deactivate; command -v python; envbundle_deactivate; '"$same")"
  check "$shell: below a venv" "same" "$(run $shell ". \"\$3/venv/bin/activate\"; $list; $activate
    envbundle_deactivate; $same")"
done

# Interactive: the prompt's label, completions, and both gone again.
interactive() { # interactive SHELL FLAGS... ; the script on stdin
  timeout 30 "$@" 2>/dev/null
}
printf '%s\n' 'PS1="PROMPT> "' "set -- '$prefix'" "$list" "$activate" 'printf "%s" "$PS1"; complete -p envrun' deactivate \
  'printf "%s" "$PS1"; complete -p envrun' "$same" >"$work/script"
check "bash -i" "(the prefix) PROMPT> complete -F _envrun_words envrun
PROMPT> same" "$(interactive bash --norc --noediting -i "$work/script")"
# The first use of compdef loads it; that is not the scripts' doing.
printf '%s\n' 'autoload -Uz compinit; compinit -u -D; compdef true x; compdef -d x; PS1="PROMPT> "' "set -- '$prefix'" "$list" \
  "$activate" 'print -rn -- "$PS1"; print -r -- $_comps[envrun]' deactivate 'print -rn -- "$PS1$_comps[envrun]"' "$same" >"$work/script"
check "zsh -i" "(the prefix) PROMPT> _envrun
PROMPT> same" "$(interactive zsh -f -i "$work/script")"

# fish
# Listing aliases loads functions, and their variables: `list` is called once before it counts.
# shellcheck disable=SC2016
fish_list='function list; begin; env; set -g; set -gx; alias; functions -an; end | string match -rv "^(_|status|pipestatus|SHLVL|history|CMD_DURATION|status_generation|version|hostname|fish_kill|fish_killring).*" | LC_ALL=C sort >$argv[1]; end; list /dev/null'
fish_run() { # TEXT VARIABLES...
  local text=$1
  shift
  env "$@" fish --no-config -c "$text" "$prefix" "$second" "$work" 2>&1
}
# shellcheck disable=SC2016
fish_activate='source "$argv[1]/share/envbundle/activate.fish"'
check fish "$prefix/bin/python
$prefix/bin $(echo $PATH | tr : ' ')
$(echo $PATH | tr : ' ') /extra
gone" "$(fish_run "$fish_activate; $fish_activate"'
  command -v python; echo $PATH; set -gx PATH $PATH /extra; deactivate; echo $PATH
  set -q ENVBUNDLE_PREFIX; and echo still there; or echo gone')"
number=0
for state in "${states[@]}"; do
  eval "variables=($state)"
  number=$((number + 1))
  # fish itself drops empty elements of PATH when it starts: compared is what it had then.
  check "fish, state $number: nothing left" "$second/bin/python
same" "$(fish_run "$fish_list; alias ll='ls -l'"'; list $argv[3]/before; '"$fish_activate"'
    source "$argv[2]/share/envbundle/activate.fish"; command -v python; deactivate; list $argv[3]/after
    diff $argv[3]/before $argv[3]/after; and echo same' "${variables[@]}")"
done
check "fish: what is set" "$prefix 1 unset $prefix/share/man:/my/man /my/code" "$(fish_run "$fish_activate"'
  set -q PYTHONHOME; or set -l home unset; echo "$ENVBUNDLE_PREFIX $PYTHONNOUSERSITE $home" (string join : $MANPATH) $PYTHONPATH' \
  PYTHONHOME=/x MANPATH=/my/man PYTHONPATH=/my/code)"
check "fish: a script that cannot find its environment does not end the shell" "1
going on" "$(cp "$scripts/activate.fish" "$work/lost.fish"; fish_run 'source $argv[3]/lost.fish 2>/dev/null; echo $status; echo going on')"
printf '%s\n' "$fish_list" 'function fish_prompt; echo -n "PROMPT> "; end' "set argv '$prefix' '$second' '$work'" 'list $argv[3]/before' \
  "$fish_activate" 'fish_prompt; complete -c envrun' deactivate 'fish_prompt; complete -c envrun; list $argv[3]/after' \
  'diff $argv[3]/before $argv[3]/after; and echo same' >"$work/script"
check "fish -i" "(the prefix) PROMPT> complete --no-files envrun -a '(_envrun_words)'
PROMPT> same" "$(interactive fish --no-config -i "$work/script")"

# csh and tcsh
csh_run() { # SHELL TEXT VARIABLES...
  local shell=$1
  printf '%s\n' "$2" >"$work/script"
  shift 2
  env "$@" $shell -f <"$work/script" 2>&1
}
csh_activate="source \"$prefix/share/envbundle/activate.csh\""
for shell in csh tcsh; do
  check $shell "$wanted" "$(csh_run $shell "$csh_activate
$csh_activate
which python
echo \"\$PATH\"
setenv PATH \"\${PATH}:/extra\"
deactivate
echo \"\$PATH\"
if (! \$?ENVBUNDLE_PREFIX) echo gone")"
  number=0
  for state in "${states[@]}"; do
    eval "variables=($state)"
    number=$((number + 1))
    check "$shell, state $number: nothing left" "$second/bin/python
same" "$(csh_run $shell "alias ll 'ls -l'
set prompt = 'PROMPT> '
( env ; set ; alias ) | grep -v '^_\|^SHLVL' | sort > \"$work/before\"
$csh_activate
source \"$second/share/envbundle/activate.csh\"
which python
deactivate
( env ; set ; alias ) | grep -v '^_\|^SHLVL' | sort > \"$work/after\"
diff \"$work/before\" \"$work/after\" && echo same" "${variables[@]}")"
  done
  check "$shell: what is set" "$prefix 1 $prefix/share/man:/my/man (the prefix) P> " "$(csh_run $shell "set prompt = 'P> '
$csh_activate
if (\$?PYTHONHOME) echo PYTHONHOME is still there
echo \"\$ENVBUNDLE_PREFIX \$PYTHONNOUSERSITE \$MANPATH \$prompt\"" PYTHONHOME=/x MANPATH=/my/man)"
done

# A script that cannot find its environment says so and changes nothing.
cp "$scripts/activate.sh" "$work/lost.sh"
check "lost" "activate: cannot find the environment from '$work/lost.sh'; source it by its path in the prefix
/usr/local/bin:/usr/bin:/bin" "$(bash --norc -c ". $work/lost.sh; echo \$PATH" 2>&1)"

printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
