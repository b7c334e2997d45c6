# Puts this environment first on PATH: `. PREFIX/share/envbundle/activate.sh` in bash or zsh (or dash, ksh with
# ENVBUNDLE_ACTIVATE=FILE). `deactivate` undoes it; where something else has that name, such as a Python venv,
# `envbundle_deactivate` does. It sets what the module files set (modulefiles/): PATH, MANPATH where there is one,
# ENVBUNDLE_PREFIX, PYTHONNOUSERSITE=1, no PYTHONHOME; and a label in the prompt, completions in an interactive shell.
# PYTHONPATH and LD_LIBRARY_PATH stay the user's. The prefix is computed from this file's own place: it may have moved.
# No `local`, no arrays, nothing that `set -eu`, an own `cd` or a strange IFS would trip over.

if [ -n "${BASH_VERSION:-}" ]; then
  _envbundle_file=${BASH_SOURCE[0]}
elif [ -n "${ZSH_VERSION:-}" ]; then
  # eval, because other shells stop at this syntax even where they do not run it.
  eval '_envbundle_file=${(%):-%x}'
else
  _envbundle_file=${ENVBUNDLE_ACTIVATE:-}
fi
case $_envbundle_file in
  */*) _envbundle_dir=${_envbundle_file%/*}/ ;;
  *) _envbundle_dir=./ ;;
esac
# pwd -L keeps `PREFIX/share -> current/share` unresolved: PATH then follows an upgrade.
_envbundle_dir=$(
  unset -f cd pwd 2>/dev/null || :
  CDPATH='' \cd -L -- "$_envbundle_dir" >/dev/null 2>&1 && \pwd -L
) || _envbundle_dir=
case $_envbundle_dir in
  */share/envbundle) _envbundle_root=${_envbundle_dir%/share/envbundle} ;;
  */bin) _envbundle_root=${_envbundle_dir%/bin} ;;
  *) _envbundle_root= ;;
esac
unset _envbundle_dir

if [ -z "$_envbundle_root" ] || [ ! -x "$_envbundle_root/bin/python" ]; then
  echo "activate: cannot find the environment from '$_envbundle_file'; source it by its path in the prefix" >&2
  unset _envbundle_file _envbundle_root
  return 1 2>/dev/null || exit 1
fi
unset _envbundle_file
# Once more, or another one: what this shell activated before is undone first.
if [ -n "${_ENVBUNDLE_ROOT:-}" ]; then envbundle_deactivate; fi

# _envbundle_take_out LIST ENTRY: LIST without the first ENTRY in _envbundle_list. One entry is taken out instead of
# putting an old value back: what was added since then stays.
_envbundle_take_out() {
  _envbundle_list=:$1:
  case $_envbundle_list in
    *":$2:"*) _envbundle_list=${_envbundle_list%%":$2:"*}:${_envbundle_list#*":$2:"} ;;
  esac
  _envbundle_list=${_envbundle_list#:}
  _envbundle_list=${_envbundle_list%:}
}

envbundle_deactivate() {
  if [ -z "${_ENVBUNDLE_ROOT:-}" ]; then return 0; fi
  _envbundle_take_out "${PATH:-}" "$_ENVBUNDLE_ROOT/bin"
  PATH=$_envbundle_list
  export PATH
  if [ -n "${MANPATH:-}" ]; then
    _envbundle_take_out "$MANPATH" "$_ENVBUNDLE_ROOT/share/man"
    MANPATH=$_envbundle_list
  fi
  for _envbundle_name in ENVBUNDLE_PREFIX PYTHONHOME PYTHONNOUSERSITE; do
    eval "if [ -n \"\${_ENVBUNDLE_KEPT_$_envbundle_name+set}\" ]; then
            $_envbundle_name=\$_ENVBUNDLE_KEPT_$_envbundle_name
            export $_envbundle_name
          else
            unset $_envbundle_name
          fi
          unset _ENVBUNDLE_KEPT_$_envbundle_name"
  done
  if [ -n "${_ENVBUNDLE_LABEL:-}" ]; then
    case ${PS1-} in
      *"$_ENVBUNDLE_LABEL"*) PS1=${PS1%%"$_ENVBUNDLE_LABEL"*}${PS1#*"$_ENVBUNDLE_LABEL"} ;;
    esac
  fi
  case ${_ENVBUNDLE_COMPLETION:-} in
    bash)
      complete -r envrun 2>/dev/null || :
      eval "$(compgen -A function -P 'unset -f ' _envrun)"
      ;;
    zsh)
      eval 'fpath=("${(@)fpath:#$_ENVBUNDLE_ROOT/share/zsh/site-functions}")
            if (( $+functions[compdef] )); then compdef -d envrun; fi
            unfunction -m "_envrun*" 2>/dev/null || :'
      ;;
  esac
  # A venv may have put its own in the place of ours, or taken it away. (dash cannot show a function.)
  case ${_ENVBUNDLE_SHORT:-}${BASH_VERSION:-}${ZSH_VERSION:-}$(typeset -f deactivate 2>/dev/null) in
    yes*envbundle_deactivate* | yes) unset -f deactivate ;;
  esac
  hash -r 2>/dev/null || :
  unset _ENVBUNDLE_ROOT _ENVBUNDLE_LABEL _ENVBUNDLE_COMPLETION _ENVBUNDLE_SHORT _envbundle_list _envbundle_name
  unset -f _envbundle_take_out envbundle_deactivate
  return 0
}

_ENVBUNDLE_ROOT=$_envbundle_root
unset _envbundle_root
for _envbundle_name in ENVBUNDLE_PREFIX PYTHONHOME PYTHONNOUSERSITE; do
  eval "if [ -n \"\${$_envbundle_name+set}\" ]; then _ENVBUNDLE_KEPT_$_envbundle_name=\$$_envbundle_name; fi"
done
unset PYTHONHOME _envbundle_name
ENVBUNDLE_PREFIX=$_ENVBUNDLE_ROOT
PYTHONNOUSERSITE=1
PATH=$_ENVBUNDLE_ROOT/bin${PATH:+:$PATH}
export ENVBUNDLE_PREFIX PYTHONNOUSERSITE PATH
# Without MANPATH man looks beside what is on PATH, and in the system's places, which one set here would hide.
if [ -n "${MANPATH:-}" ]; then MANPATH=$_ENVBUNDLE_ROOT/share/man:$MANPATH; fi

# A program of that name does not count: conda has one.
case $(LC_ALL=C && command -V deactivate 2>/dev/null) in
  *function* | *alias*) ;;
  *)
    deactivate() { envbundle_deactivate; }
    _ENVBUNDLE_SHORT=yes
    ;;
esac
if [ -n "${PS1:-}" ] && [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ]; then
  # A prompt is evaluated again and again: no name that could be more than a name.
  _ENVBUNDLE_LABEL=${_ENVBUNDLE_ROOT##*/}
  case $_ENVBUNDLE_LABEL in *[!A-Za-z0-9._+@\ -]*) _ENVBUNDLE_LABEL=environment ;; esac
  _ENVBUNDLE_LABEL="($_ENVBUNDLE_LABEL) "
  PS1=$_ENVBUNDLE_LABEL$PS1
fi
case $- in
  *i*)
    if [ -n "${BASH_VERSION:-}" ] && [ -r "$_ENVBUNDLE_ROOT/share/bash-completion/completions/envrun" ] &&
      ! complete -p envrun >/dev/null 2>&1; then
      . "$_ENVBUNDLE_ROOT/share/bash-completion/completions/envrun"
      _ENVBUNDLE_COMPLETION=bash
    elif [ -n "${ZSH_VERSION:-}" ] && [ -r "$_ENVBUNDLE_ROOT/share/zsh/site-functions/_envrun" ]; then
      eval 'if (( ! $+functions[_envrun] )); then
              fpath=("$_ENVBUNDLE_ROOT/share/zsh/site-functions" "${(@)fpath}")
              autoload -Uz _envrun
              if (( $+functions[compdef] )); then compdef _envrun envrun; fi
              _ENVBUNDLE_COMPLETION=zsh
            fi'
    fi
    ;;
esac
hash -r 2>/dev/null || :
