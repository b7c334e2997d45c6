#!/bin/bash
# A bundle at work where nothing of this machine is: in an empty chroot (only /proc, /dev and /tmp), and in chroots of an
# older and a newer distribution than the base.
#
#   tests/e2e/chroot.sh BUNDLE ENVINSTALL [SUITE ...]
#   tests/e2e/chroot.sh --release DIR [SUITE ...]       the same with a release that is unpacked already
#
# Suites are what debootstrap makes from the archive that apt is configured for (default: the distributions' one before and
# one after Debian 12 or Ubuntu 22.04); they are kept in ${ENVBUNDLE_CACHE:-~/.cache/envbundle}/chroots and never changed.
# Into the distributions' chroots foreign CUDA libraries are planted (the fakes that tests/gpu builds), known to the
# loader's cache: `envinstall check` must not find one of them in a process.
# Everything in a chroot runs as the user 65534. Needs root. All mounts are in a mount namespace of their own, so that
# they go with this process however it ends. The last line is `N passed, N failed`.
set -uo pipefail

if [ "$(id -u)" != 0 ]; then
  echo "skipped: needs root"
  exit 0
fi
if [ "${CHROOT_TEST_NAMESPACE:-}" != 1 ]; then
  CHROOT_TEST_NAMESPACE=1 exec unshare --mount --propagation private -- "$0" "$@"
fi
unset CHROOT_TEST_NAMESPACE

here=$(cd "$(dirname "$0")" && pwd)
bundle='' envinstall='' release=''
if [ "${1:-}" = --release ]; then
  release=$(realpath "$2") || exit 2
  shift 2
else
  bundle=$(realpath "${1:?BUNDLE is missing}") || exit 2
  envinstall=$(realpath "${2:?ENVINSTALL is missing}") || exit 2
  shift 2
fi
if [ $# -gt 0 ]; then
  suites=("$@")
elif [ "$(. /etc/os-release && echo "$ID")" = ubuntu ]; then
  suites=(focal noble)
else
  suites=(bullseye trixie)
fi
cache=${ENVBUNDLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/envbundle}/chroots
fakes=$here/../../build/dev/tests/gpu/fakes
user=65534
work=$(mktemp -d "${TMPDIR:-/tmp}/chroot-test.XXXXXX")
cleanup() {
  cd /
  # Lazily, innermost first; the kernel drops what is left with the namespace.
  grep -o " $work/[^ ]*" /proc/self/mounts | sort -r | while read -r place; do umount -l "$place"; done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0
failed=0
check() { # check LABEL COMMAND...: passes when the command does; shows the glibc line and a failure's output
  local label=$1
  shift
  if "$@" >"$work/log" 2>&1 </dev/null; then
    passed=$((passed + 1))
    echo "ok      $label"
    grep -E '^ *(glibc|torch) ?:? ' "$work/log" || :
  else
    failed=$((failed + 1))
    echo "FAILED  $label (exit $?)"
    tail -n 60 "$work/log" | sed 's/^/        /'
  fi
}

# The archive that apt is configured for on this machine, as it is written there.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v own="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == own { print $1; exit }'
}

# make_suite SUITE: the cached chroot, made under another name first, so that a broken one never bears the final name.
make_suite() {
  local suite=$1
  [ ! -d "$cache/$suite" ] || return 0
  mkdir -p "$cache"
  rm -rf "$cache/.$suite.new"
  debootstrap --variant=minbase "$suite" "$cache/.$suite.new" "$(mirror)" >"$cache/$suite.log" 2>&1 || {
    tail -n 20 "$cache/$suite.log"
    rm -rf --one-file-system "$cache/.$suite.new"
    return 1
  }
  mv "$cache/.$suite.new" "$cache/$suite"
}

# furnish ROOT: what every chroot gets: /proc, /dev with the usual nodes, /tmp, and the medium.
furnish() {
  local root=$1 node
  mkdir -p "$root"/{proc,dev,tmp,medium,opt,mnt/second}
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/shm"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  chmod 1777 "$root/tmp"
  chown $user:$user "$root/opt"
  if [ -n "$bundle" ]; then
    : >"$root/medium/envinstall"
    mount --bind "$envinstall" "$root/medium/envinstall"
    : >"$root/medium/bundle.zst"
    mount --bind "$bundle" "$root/medium/bundle.zst"
  fi
  cp "$here/environment_checks.py" "$root/medium/"
}

inside() { # inside ROOT COMMAND...
  env -i HOME=/tmp PATH=/usr/bin:/bin /usr/sbin/chroot --userspec=$user:$user "$@"
}

install_release() { # install_release ROOT PREFIX
  local root=$1 prefix=$2 top
  if [ -n "$bundle" ]; then
    inside "$root" /medium/envinstall /medium/bundle.zst --prefix "$prefix" --quiet
    return
  fi
  mkdir -p "$root$prefix/releases"
  cp -a "$release" "$root$prefix/releases/one"
  ln -s releases/one "$root$prefix/current"
  for top in bin lib share etc; do ln -s "current/$top" "$root$prefix/$top"; done
  chown -Rh $user:$user "$root$prefix"
}

# Highest N of GLIBC_2.N in a libc.so.6; 0 without one.
minor() { grep -aoE 'GLIBC_2\.[0-9]+' "$1" 2>/dev/null | sort -t. -k2 -n | tail -n 1 | cut -d. -f2 | grep . || echo 0; }

# chosen ROOT PREFIX WANTED: the C library that a Python of the prefix has mapped is of the side WANTED.
chosen() {
  local mapped
  mapped=$(inside "$1" "$2/bin/python" -c \
    'print("\n".join(sorted({l.split(maxsplit=5)[5].strip() for l in open("/proc/self/maps") if "/libc" in l and ("/libc.so.6" in l or "/libc-2" in l)})))') || return
  echo "glibc $mapped"
  case $mapped in
    "$2"/*) [ "$3" = bundle ] ;;
    *) [ "$3" = host ] ;;
  esac
}

# plant ROOT: CUDA libraries of another make in the system's own folder and in the loader's cache.
plant() {
  local root=$1
  cp "$fakes"/libcudart.so.12 "$fakes"/libcublas.so.12 "$fakes"/libcublasLt.so.12 "$fakes"/libcudnn*.so.9 \
    "$fakes"/libnccl.so.2 "$root/usr/local/lib/" &&
    chroot "$root" /sbin/ldconfig &&
    [[ $(chroot "$root" /sbin/ldconfig -p) == *libcudart.so.12*/usr/local/lib/libcudart.so.12* ]]
}

# isolated ROOT PREFIX: the GPU check runs, fails in nothing, and saw no library from elsewhere.
isolated() {
  inside "$1" /medium/envinstall check "$2" --json --quiet >"$work/check.json" || return
  python3 -c '
import json, sys
report = json.loads(open(sys.argv[1]).read())
isolation = report["isolation"]
print(report["state"], isolation)
sys.exit(report["state"] == "failed" or isolation["release_files"] == 0 or bool(isolation["violations"]))' "$work/check.json"
}

# exercise LABEL ROOT [--minimal]: install, run the checks as installed, moved, and by a second path.
exercise() {
  local label=$1 root=$2 minimal=${3:-} wanted=bundle host own
  check "$label: install" install_release "$root" /opt/dl
  own=$(minor "$root/opt/dl/current/lib/glibc/libc.so.6")
  host=$(find -L "$root"/lib64 "$root"/lib/*-linux-gnu -maxdepth 1 -name libc.so.6 2>/dev/null | head -n 1)
  host=$(minor "${host:-/nonexistent}")
  [ "$host" -le "$own" ] || wanted=host
  check "$label: the $wanted's glibc is chosen (bundle 2.$own, host $([ "$host" = 0 ] && echo none || echo "2.$host"))" \
    chosen "$root" /opt/dl $wanted
  # shellcheck disable=SC2086
  probe() { inside "$root" "$1/bin/python" /medium/environment_checks.py --work /tmp/checks $minimal; }
  check "$label: environment as installed" probe /opt/dl
  if [ -n "$bundle" ] && [ -e "$root/opt/dl/current/libexec/envbundle/gpucheck" ]; then
    if [ -z "$minimal" ]; then
      check "$label: foreign CUDA libraries in the loader's cache" plant "$root"
    fi
    check "$label: the GPU check sees no foreign library" isolated "$root" /opt/dl
  fi
  mv "$root/opt/dl" "$root/opt/moved"
  check "$label: environment after mv" probe /opt/moved
  mount --bind "$root/opt/moved" "$root/mnt/second"
  check "$label: environment by a second path" probe /mnt/second
  umount -l "$root/mnt/second" # a fork server may take a moment to end
  if [ -n "$bundle" ]; then
    check "$label: verify --full after all that" inside "$root" /medium/envinstall verify /opt/moved --full --quiet
  fi
  check "$label: nothing of ours is left in /tmp" test -z "$(ls -A "$root/tmp")"
}

furnish "$work/empty"
exercise "empty chroot" "$work/empty" --minimal
rm -rf "$work/empty/opt/moved"

for suite in "${suites[@]}"; do
  check "$suite: chroot" make_suite "$suite"
  [ -d "$cache/$suite" ] || continue
  root=$work/$suite
  mkdir "$root" "$work/$suite.layer"
  # The cached chroot stays as it is: changes go to a layer, or to a copy where overlays do not work.
  mkdir "$work/$suite.layer/upper" "$work/$suite.layer/work"
  mount -t overlay -o "lowerdir=$cache/$suite,upperdir=$work/$suite.layer/upper,workdir=$work/$suite.layer/work" overlay "$root" 2>/dev/null ||
    cp -a "$cache/$suite/." "$root/"
  furnish "$root"
  exercise "$suite" "$root"
  rm -rf "$root/opt/moved"
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
