#!/bin/bash
# The activation scripts in every shell that they are for: activate twice, add to PATH, deactivate; the environment is
# then what it was. `activation_test.sh RUNTIME_ENV_FOLDER`; prints `N passed, N failed`.
set -uo pipefail
scripts=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
release=$work/the\ prefix/releases/r-1
mkdir -p "$release/bin" "$release/share/envbundle"
printf '#!/bin/sh\necho python of the prefix\n' >"$release/bin/python"
chmod +x "$release/bin/python"
cp "$scripts"/activate.* "$release/share/envbundle/"
ln -s releases/r-1 "$work/the prefix/current"
ln -s current/bin "$work/the prefix/bin"
ln -s current/share "$work/the prefix/share"
prefix="$work/the prefix"
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

export PATH=/usr/local/bin:/usr/bin:/bin
unset VIRTUAL_ENV ENVBUNDLE_PREFIX
wanted="$prefix/bin/python
$prefix/bin:$PATH
$PATH:/extra
gone"

for shell in bash zsh dash; do
  body='. "$1/share/envbundle/activate.sh"; . "$1/share/envbundle/activate.sh"; command -v python; echo "$PATH"
    PATH=$PATH:/extra; deactivate; echo "$PATH"; echo "${ENVBUNDLE_PREFIX-gone}"'
  [ $shell != dash ] || export ENVBUNDLE_ACTIVATE="$prefix/share/envbundle/activate.sh"
  flags=-f
  [ $shell != bash ] || flags=--norc
  [ $shell != dash ] || flags=-e
  check "$shell" "$wanted" "$($shell $flags -c "$body" $shell "$prefix" 2>&1)"
  unset ENVBUNDLE_ACTIVATE
  # Nothing else of the environment may change, and nothing may be left behind.
  # Into files: a variable with the listing would itself be listed.
  left=$($shell $flags -c 'ENVBUNDLE_ACTIVATE=$1/share/envbundle/activate.sh
    list() { set | grep -v "^_=\|LINENO\|RANDOM\|SECONDS\|EPOCH\|TTYIDLE\|^BASH_\|^?=\|status\|ERRNO\|OPTIND\|PIPESTATUS"; }
    list >"$2/before"; . "$1/share/envbundle/activate.sh"; deactivate; list >"$2/after"
    diff "$2/before" "$2/after" && echo same' $shell "$prefix" "$work" 2>&1)
  check "$shell leaves nothing" same "$left"
done

check fish "$prefix/bin/python
$prefix/bin $(echo $PATH | tr : ' ')
$(echo $PATH | tr : ' ') /extra
gone" "$(HOME=$work fish --no-config -c 'source "$argv[1]/share/envbundle/activate.fish"; source "$argv[1]/share/envbundle/activate.fish"
  command -v python; echo $PATH; set -gx PATH $PATH /extra; deactivate; echo $PATH
  set -q ENVBUNDLE_PREFIX; and echo still there; or echo gone' "$prefix" 2>&1)"

cat >"$work/test.csh" <<CSH
source "$prefix/share/envbundle/activate.csh"
source "$prefix/share/envbundle/activate.csh"
which python
echo "\$PATH"
setenv PATH "\${PATH}:/extra"
deactivate
echo "\$PATH"
if (! \$?ENVBUNDLE_PREFIX) echo gone
CSH
check tcsh "$wanted" "$(tcsh -f <"$work/test.csh" 2>&1)"

# A script that cannot find its environment says so and changes nothing.
cp "$scripts/activate.sh" "$work/lost.sh"
check "lost" "activate: cannot find the environment from '$work/lost.sh'; source it by its path in the prefix
/usr/local/bin:/usr/bin:/bin" "$(bash --norc -c ". $work/lost.sh; echo \$PATH" 2>&1)"

printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
