# What `deactivate` runs in csh and tcsh; activate.csh has made its variables. An entry is taken out of PATH and MANPATH
# instead of putting old values back: what was added since then stays.
if ($?_envbundle_root) then
  set _envbundle_awk = "$_envbundle_root/share/envbundle/take_out.awk"
  setenv PATH "`env LIST="\""$PATH"\"" ENTRY="\""$_envbundle_root/bin"\"" awk -f "\""$_envbundle_awk"\""`"
  if ($?MANPATH) then
    setenv MANPATH "`env LIST="\""$MANPATH"\"" ENTRY="\""$_envbundle_root/share/man"\"" awk -f "\""$_envbundle_awk"\""`"
  endif
  unsetenv ENVBUNDLE_PREFIX
  unsetenv PYTHONNOUSERSITE
  if ($?_envbundle_kept_prefix) then
    setenv ENVBUNDLE_PREFIX "$_envbundle_kept_prefix"
  endif
  if ($?_envbundle_kept_home) then
    setenv PYTHONHOME "$_envbundle_kept_home"
  endif
  if ($?_envbundle_kept_site) then
    setenv PYTHONNOUSERSITE "$_envbundle_kept_site"
  endif
  if ($?_envbundle_old_prompt) then
    set prompt = "$_envbundle_old_prompt"
  endif
  unset _envbundle_awk _envbundle_root _envbundle_kept_prefix _envbundle_kept_home _envbundle_kept_site
  unset _envbundle_old_prompt
  unalias deactivate
  rehash
endif
