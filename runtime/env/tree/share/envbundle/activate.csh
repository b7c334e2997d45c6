# Puts this environment first on PATH: `source PREFIX/share/envbundle/activate.csh` (csh, tcsh). `deactivate` undoes it.
# It sets what activate.sh sets (said there), but for completions.
# csh does not tell a sourced file its name; the shell's open descriptors do.

set _envbundle_file = "`ls -l /proc/$$/fd |& sed -n 's|.* -> \(/.*/activate\.csh\)"\$"|\1|p' | head -n 1`"
set _envbundle_prefix = "`dirname "\""$_envbundle_file"\""`"
set _envbundle_prefix = "`echo "\""$_envbundle_prefix"\"" | sed -e 's|/share/envbundle"\$"||' -e 's|/bin"\$"||'`"
# /proc shows the resolved path PREFIX/releases/ID; PREFIX itself is preferred where `current` leads there.
set _envbundle_top = "`echo "\""$_envbundle_prefix"\"" | sed -n 's|/releases/[^/]*"\$"||p'`"
if ("$_envbundle_top" != "") then
  if (-e "$_envbundle_top/current") then
    set _envbundle_now = "`readlink -f "\""$_envbundle_top/current"\""`"
    if ("$_envbundle_now" == "$_envbundle_prefix") set _envbundle_prefix = "$_envbundle_top"
    unset _envbundle_now
  endif
endif

if ("$_envbundle_file" == "" || ! -x "$_envbundle_prefix/bin/python") then
  echo "activate: cannot find the environment; source it by its path in the prefix"
else
  # Once more, or another one: what this shell activated before is undone first. Not through the alias: csh expands
  # aliases only when it reads a line.
  if ($?_envbundle_root) then
    source "$_envbundle_root/share/envbundle/deactivate.csh"
  endif
  set _envbundle_root = "$_envbundle_prefix"
  if ($?ENVBUNDLE_PREFIX) then
    set _envbundle_kept_prefix = "$ENVBUNDLE_PREFIX"
  endif
  if ($?PYTHONHOME) then
    set _envbundle_kept_home = "$PYTHONHOME"
  endif
  if ($?PYTHONNOUSERSITE) then
    set _envbundle_kept_site = "$PYTHONNOUSERSITE"
  endif
  unsetenv PYTHONHOME
  setenv ENVBUNDLE_PREFIX "$_envbundle_root"
  setenv PYTHONNOUSERSITE 1
  setenv PATH "${_envbundle_root}/bin:${PATH}"
  # Without MANPATH man looks beside what is on PATH, and in the system's places, which one set here would hide.
  if ($?MANPATH) then
    if ("$MANPATH" != "") setenv MANPATH "${_envbundle_root}/share/man:${MANPATH}"
  endif
  alias deactivate 'source "$_envbundle_root/share/envbundle/deactivate.csh"'
  if ($?prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _envbundle_old_prompt = "$prompt"
    set prompt = "(`basename "\""$_envbundle_root"\""`) $prompt"
  endif
  rehash
endif
unset _envbundle_file _envbundle_prefix _envbundle_top
