# What `deactivate` runs in csh and tcsh; activate.csh has made its variables. An entry is taken out of PATH and MANPATH
# instead of putting old values back: what was added since then stays. (awk, because sed would read a path as a pattern.)
if ($?_envbundle_root) then
  setenv PATH "`env E="\""$_envbundle_root/bin"\"" awk 'BEGIN { p = "\"":"\"" ENVIRON["\""PATH"\""] "\"":"\""; e = "\"":"\"" ENVIRON["\""E"\""] "\"":"\""; i = index(p, e); if (i) p = substr(p, 1, i) substr(p, i + length(e)); print substr(p, 2, length(p) - 2) }'`"
  if ($?MANPATH) then
    setenv MANPATH "`env E="\""$_envbundle_root/share/man"\"" awk 'BEGIN { p = "\"":"\"" ENVIRON["\""MANPATH"\""] "\"":"\""; e = "\"":"\"" ENVIRON["\""E"\""] "\"":"\""; i = index(p, e); if (i) p = substr(p, 1, i) substr(p, i + length(e)); print substr(p, 2, length(p) - 2) }'`"
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
  unset _envbundle_root _envbundle_kept_prefix _envbundle_kept_home _envbundle_kept_site _envbundle_old_prompt
  unalias deactivate
  rehash
endif
