#!/bin/bash
# What a finished bundle and prefix promise, checked on what the main job made:
#
#   tests/e2e/release.sh OUT/NAME [--lock FILE]
#
# OUT/NAME is the folder that packaging/quickstart filled (bundle, envinstall, SHA256SUMS, prefix). Prints a line a check
# and at the end `N passed, N failed`.
set -uo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
made=$(cd "$1" && pwd)
name=$(basename "$made")
lock=$repository/manifests/$name.lock
[ ! -e "$made/$name.lock" ] || lock=$made/$name.lock
[ "${2:-}" != --lock ] || lock=$3
bundle=$made/$name.bundle.zst
envbundle=${ENVBUNDLE:-$repository/build/release-static/bundler/cli/envbundle}
envinstall=$made/envinstall
key=${ENVBUNDLE_KEY:-${XDG_CONFIG_HOME:-$HOME/.config}/envbundle/signing_key}
work=$(mktemp -d -p "$made" release-test.XXXXXX)
mounted=
cleanup() {
  # Lazily: a helper process of Python's multiprocessing may still be on its way out.
  [ -z "$mounted" ] || umount -l "$mounted"
  chmod -R u+rwX "$work" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

passed=0
failed=0
check() { # check LABEL COMMAND...: passes when the command does
  local label=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $label"
  else
    failed=$((failed + 1))
    echo "FAILED  $label (exit $?): $*"
    sed 's/^/        /' "$work/log" | tail -n 40
  fi
}
exits() { # exits CODE COMMAND...
  local code=$1 got=0
  shift
  "$@" || got=$?
  echo "exit $got, wanted $code"
  [ $got = "$code" ]
}
says() { # says TEXT COMMAND...
  local text=$1
  shift
  "$@" 2>&1 | tee "$work/said"
  [ "${PIPESTATUS[0]}" = 0 ] && grep -qF -- "$text" "$work/said"
}

# --- the medium
check "SHA256SUMS covers bundle and installer" bash -c "cd '$made' && sha256sum -c SHA256SUMS && grep -q envinstall SHA256SUMS && grep -q '$name.bundle.zst' SHA256SUMS"
check "envinstall is static" says "statically linked" file "$envinstall"
check "envinstall is below 10 MiB" test "$(stat -c %s "$envinstall")" -lt $((10 << 20))
check "envinstall has no curl, no libarchive, no signing code" "$repository/tests/e2e/symbols.sh" "$repository/build/release-static"
check "stamping changed only the reserved section" python3 "$repository/tests/e2e/compare_sections.py" "$repository/build/release-static/installer/cli/envinstall" "$envinstall" .envinstall_trust

# --- the bundle is an ordinary zstd file with a tar stream
mkdir "$work/tar"
check "zstd -t" zstd -tq "$bundle"
check "zstd -dc | tar -x" bash -c "zstd -dc '$bundle' | tar -xf - -C '$work/tar'"
check "install into a second prefix" "$envinstall" "$bundle" --prefix "$work/second" --quiet
release=$(readlink -f "$work/second/current")
check "tar's tree is the release" python3 "$repository/tests/e2e/compare_trees.py" "$work/tar" "$release" --ignore .bundle
check "a pipe gives the same release" bash -c "'$envinstall' - --prefix '$work/piped' --quiet <'$bundle' && python3 '$repository/tests/e2e/compare_trees.py' '$release' \"\$(readlink -f '$work/piped/current')\" --ignore .bundle/receipt"
rm -rf "$work/tar" "$work/piped"

# --- the signature
check "index and signature can be taken out" "$envbundle" inspect "$bundle" --extract-index "$work/index" --extract-signatures "$work/signatures"
echo "signer $(cut -d' ' -f1,2 "$key.pub")" >"$work/allowed"
signature=$(ls "$work"/signatures/* 2>/dev/null | head -n 1)
check "ssh-keygen -Y verify accepts" bash -c "ssh-keygen -Y verify -f '$work/allowed' -I signer -n envbundle-index@v1 -s '$signature' <'$work/index'"
check "the ID is the SHA-256 of the index" bash -c "'$envinstall' info '$bundle' | grep -q \"\$(sha256sum <'$work/index' | cut -d' ' -f1)\""

# --- reproducible
other=$work/elsewhere/deep
mkdir -p "$other"
check "build with one thread, elsewhere, on another day" faketime '2031-03-04 05:06:07' "$envbundle" build "$lock" -o "$other/again.zst" --key "$key" -j 1 --offline --force --quiet
check "same bytes" cmp "$bundle" "$other/again.zst"
check "build with three threads" "$envbundle" build "$lock" -o "$work/again3.zst" --key "$key" -j 3 --offline --force --quiet
check "same bytes with three threads" cmp "$bundle" "$work/again3.zst"
rm -rf "$other" "$work/again3.zst"

# --- life in a prefix
check "second run says so and exits 0" says "already" "$envinstall" "$bundle" --prefix "$work/second"
check "verify --full" "$envinstall" verify "$work/second" --full
check "list" says "$(basename "$release")" "$envinstall" list "$work/second"
check "an unknown key is refused" exits 11 "$repository/build/release-static/installer/cli/envinstall" "$bundle" --prefix "$work/third" --quiet
check "nothing was made of the refused one" test ! -e "$work/third/current"

# --- the environment at work: as installed, moved, and by a second path
probe() { check "$1: environment" env -i HOME="$work" PATH=/usr/bin:/bin "$2/bin/python" "$repository/tests/e2e/environment_checks.py" --work "$work/probe"; rm -rf "$work/probe"; }
probe "as installed" "$work/second"
mv "$work/second" "$work/moved place"
probe "moved, with a space in its name" "$work/moved place"
ln -s "moved place" "$work/link"
probe "through a symlink" "$work/link"
if [ "$(id -u)" = 0 ]; then
  mkdir "$work/mount"
  if mount --bind "$work/moved place" "$work/mount" 2>/dev/null; then
    mounted=$work/mount
    probe "through a bind mount" "$work/mount"
    umount -l "$work/mount"
    mounted=
  fi
fi
check "verify after all that: nothing written into the release" "$envinstall" verify "$work/moved place" --full

# --- and its end
check "uninstall" "$envinstall" uninstall "$work/moved place" --all
check "nothing is left" bash -c "! ls -A '$work/moved place' | grep -v '^.envinstall$'"

printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
