# Puts this environment first on PATH: `. PREFIX/share/envbundle/activate.sh` in bash or zsh (or dash, ksh
# with ENVBUNDLE_ACTIVATE=FILE). `deactivate` undoes it. Only PATH, PS1 and ENVBUNDLE_PREFIX change.
# The prefix is computed from this file's own place, so it may have moved since yesterday.

if [ -n "${BASH_VERSION:-}" ]; then
  _envbundle_file=${BASH_SOURCE[0]}
elif [ -n "${ZSH_VERSION:-}" ]; then
  # eval, because other shells stop at this syntax even where they do not run it.
  eval '_envbundle_file=${(%):-%x}'
else
  _envbundle_file=${ENVBUNDLE_ACTIVATE:-}
fi
# pwd -L keeps `PREFIX/share -> current/share` unresolved: PATH then follows an upgrade.
_envbundle_dir=$(CDPATH= cd -L -- "$(dirname -- "$_envbundle_file")" 2>/dev/null && pwd -L)
case $_envbundle_dir in
  */share/envbundle) _envbundle_prefix=${_envbundle_dir%/share/envbundle} ;;
  */bin) _envbundle_prefix=${_envbundle_dir%/bin} ;;
  *) _envbundle_prefix= ;;
esac

if [ -z "$_envbundle_prefix" ] || [ ! -x "$_envbundle_prefix/bin/python" ]; then
  echo "activate: cannot find the environment from '$_envbundle_file'; source it by its path in the prefix" >&2
  unset _envbundle_file _envbundle_dir _envbundle_prefix
  return 1 2>/dev/null || exit 1
fi

deactivate() {
  # Takes out this one entry instead of putting an old PATH back: what was added since then stays.
  if [ -n "${ENVBUNDLE_PREFIX:-}" ]; then
    _envbundle_path=:$PATH:
    _envbundle_head=${_envbundle_path%%":$ENVBUNDLE_PREFIX/bin:"*}
    if [ "$_envbundle_head" != "$_envbundle_path" ]; then
      _envbundle_path=$_envbundle_head:${_envbundle_path#*":$ENVBUNDLE_PREFIX/bin:"}
    fi
    _envbundle_path=${_envbundle_path#:}
    PATH=${_envbundle_path%:}
    export PATH
    unset _envbundle_path _envbundle_head ENVBUNDLE_PREFIX
  fi
  if [ -n "${_ENVBUNDLE_OLD_PS1+set}" ]; then
    PS1=$_ENVBUNDLE_OLD_PS1
    unset _ENVBUNDLE_OLD_PS1
  fi
  hash -r 2>/dev/null
  if [ "${1:-}" != keep ]; then unset -f deactivate; fi
  return 0
}
deactivate keep

ENVBUNDLE_PREFIX=$_envbundle_prefix
export ENVBUNDLE_PREFIX
PATH=$ENVBUNDLE_PREFIX/bin${PATH:+:$PATH}
export PATH
if [ -n "${PS1:-}" ] && [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ]; then
  _ENVBUNDLE_OLD_PS1=$PS1
  PS1="(${_envbundle_prefix##*/}) $PS1"
fi
hash -r 2>/dev/null
unset _envbundle_file _envbundle_dir _envbundle_prefix
