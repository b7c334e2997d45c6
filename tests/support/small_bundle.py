"""Makes a small signed bundle with the real programs: a folder of files, no Python, no Debian base, no network.

    python3 tests/support/small_bundle.py --envbundle PROGRAM --installer PROGRAM OUTPUT_FOLDER
"""

import argparse
import pathlib
import subprocess


def make_tree(folder: pathlib.Path, text: str = "one") -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "share/doc").mkdir(parents=True)
    (folder / "bin/hello").write_text("#!/bin/sh\necho hello\n")
    (folder / "bin/hello").chmod(0o755)
    (folder / "bin/hi").symlink_to("hello")
    (folder / "share/doc/readme").write_text(f"release {text}\n")
    (folder / "share/empty").write_text("")


# All that every release gets of ours, for tests whose time grows with the bundle.
OURS = ("bin/envrun", "libexec*", "lib*", "etc*", "share/[!de]*", "share/envbundle*")


def make_manifest(folder: pathlib.Path, name: str = "small", version: str = "1", prune=(),
                  platform: str = "linux-x86_64") -> pathlib.Path:
    manifest = folder / f"{name}.toml"
    base = "[base]\nprune = [" + ", ".join(f'"{each}"' for each in prune) + "]\n\n" if prune else ""
    manifest.write_text(
        f'name = "{name}"\nversion = "{version}"\n\n[target]\nplatform = "{platform}"\n\n{base}'
        '[[folder]]\npath = "tree"\nlicence = "MIT"\n'
    )
    return manifest


def make_bundle(envbundle, installer, folder: pathlib.Path, *, name="small", version="1", text="one", key=None,
                environment=None, options=(), prune=(), platform="linux-x86_64") -> pathlib.Path:
    """Fills `folder` with tree, manifest, lock, key (unless given), bundle and envinstall; returns the bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    make_tree(folder / "tree", text)
    manifest = make_manifest(folder, name, version, prune, platform)

    def run(*argv):
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, env=environment, cwd=folder)
        if done.returncode != 0:
            raise RuntimeError(f"{argv} exits {done.returncode}\n{done.stdout}{done.stderr}")

    lock = manifest.with_suffix(".lock")
    run(envbundle, "lock", manifest, "-o", lock)
    if key is None:
        key = folder / "key"
        run(envbundle, "keygen", key)
    bundle = folder / f"{name}.bundle.zst"
    run(envbundle, "build", lock, "-o", bundle, "--key", key, "--installer", installer, "--offline", "-j", "2", *options)
    return bundle


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--envbundle", type=pathlib.Path, required=True)
    options.add_argument("--installer", type=pathlib.Path, required=True)
    options.add_argument("folder", type=pathlib.Path)
    args = options.parse_args()
    print(make_bundle(args.envbundle.resolve(), args.installer.resolve(), args.folder.resolve()))
