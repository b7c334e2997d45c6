# Puts this environment first on PATH: `source PREFIX/share/envbundle/activate.csh` (csh, tcsh). `deactivate` undoes it.
# csh does not tell a sourced file its name; the shell's open descriptors do.

set _envbundle_file = `ls -l /proc/$$/fd |& sed -n 's|.* -> \(/.*/activate\.csh\)$|\1|p' | head -n 1`
set _envbundle_prefix = `echo "$_envbundle_file" | sed -e 's|/share/envbundle/activate\.csh$||' -e 's|/bin/activate\.csh$||'`
# /proc shows the resolved path PREFIX/releases/ID; PREFIX itself is preferred where `current` leads there.
set _envbundle_top = `echo "$_envbundle_prefix" | sed -n 's|/releases/[^/]*$||p'`
if ("$_envbundle_top" != "") then
  if (-e "$_envbundle_top/current") then
    set _envbundle_now = `readlink -f "$_envbundle_top/current"`
    if ("$_envbundle_now" == "$_envbundle_prefix") set _envbundle_prefix = "$_envbundle_top"
    unset _envbundle_now
  endif
endif

if ("$_envbundle_file" == "" || ! -x "$_envbundle_prefix/bin/python") then
  echo "activate: cannot find the environment; source it by its path in the prefix"
else
  # Not through the alias: csh expands aliases only when it reads a line, and a one-line `if` takes one command.
  if ($?ENVBUNDLE_PREFIX) then
    setenv PATH `echo ":${PATH}:" | sed -e "s|:${ENVBUNDLE_PREFIX}/bin:|:|" -e "s|^:||" -e "s|:"\$"||"`
  endif
  setenv ENVBUNDLE_PREFIX "$_envbundle_prefix"
  setenv PATH "${ENVBUNDLE_PREFIX}/bin:${PATH}"
  # One entry is taken out again instead of putting an old PATH back: what was added since then stays.
  alias deactivate 'setenv PATH `echo ":${PATH}:" | sed -e "s|:${ENVBUNDLE_PREFIX}/bin:|:|" -e "s|^:||" -e "s|:"\$"||"`; unsetenv ENVBUNDLE_PREFIX; if ($?_envbundle_old_prompt) set prompt = "$_envbundle_old_prompt"; unset _envbundle_old_prompt; unalias deactivate; rehash'
  if ($?prompt && ! $?_envbundle_old_prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _envbundle_old_prompt = "$prompt"
    set prompt = "(`basename $ENVBUNDLE_PREFIX`) $prompt"
  endif
  rehash
endif
unset _envbundle_file _envbundle_prefix _envbundle_top
