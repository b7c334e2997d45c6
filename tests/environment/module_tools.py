"""Lmod and Environment Modules side by side: the programs of Debian's packages, unpacked into a folder of the tests.

The two packages exclude each other, and a test should not change what `module` means on the machine. Both have their
place compiled in as text, so the copies' texts are edited. What they need (lua, tcl) is installed in the ordinary way.
"""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

PACKAGES = {"lmod": "lmod", "environment-modules": "em"}
TEXTS = re.compile(rb"/usr/share/lmod|/etc/lmod|/usr/share/modules|/etc/environment-modules"
                   rb"|/usr/lib/x86_64-linux-gnu(?=/(?:modulecmd|libtclenv))")


def cache_folder() -> pathlib.Path:
    base = os.environ.get("ENVBUNDLE_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "envbundle-module-tools"


def _unpack(package: str, root: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent) as work:
        # A user of its own downloads for apt; it may enter only what is open to all.
        os.chmod(work, 0o755)
        subprocess.run(["apt-get", "-q", "download", package], cwd=work, check=True, timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        [deb] = pathlib.Path(work).glob("*.deb")
        tree = pathlib.Path(work) / "tree"
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True, timeout=60)
        # Under its last name only when it is complete; the texts name that place.
        _edit_texts(tree, root)
        tree.rename(root)


def _edit_texts(tree: pathlib.Path, root: pathlib.Path) -> None:
    here = str(root).encode()
    for path in tree.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" not in data:
            path.write_bytes(TEXTS.sub(lambda match: here + match.group(0), data))


class Tool:
    """One module system: where its shells' init files are and what it alone writes into the environment."""

    def __init__(self, kind: str, root: pathlib.Path):
        self.kind = kind
        self.root = root
        self.is_lmod = kind == "lmod"
        # What the module system keeps for itself, whatever a module file says.
        self.own_names = ("_ModuleTable*, __LMOD_*, LMOD_*, LOADEDMODULES, _LMFILES_, MODULEPATH" if self.is_lmod else
                          "__MODULES_*, LOADEDMODULES, _LMFILES_, MODULEPATH")

    def init(self, shell: str) -> str:
        folder = "usr/share/lmod/lmod/init" if self.is_lmod else "usr/share/modules/init"
        return str(self.root / folder / shell)

    def own(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.own_names.split(", "))

    def version(self) -> str:
        if self.is_lmod:
            return os.readlink(self.root / "usr/share/lmod/lmod")
        done = subprocess.run(["tclsh", self.root / "usr/lib/x86_64-linux-gnu/modulecmd.tcl", "bash", "--version"],
                              capture_output=True, text=True, timeout=60, check=False)
        return re.search(r"Release (\S+)", done.stdout + done.stderr).group(1)


def tools() -> list[Tool]:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for package, name in PACKAGES.items():
        root = folder / name
        if not root.is_dir():
            _unpack(package, root)
        out.append(Tool(package if package == "lmod" else "modules", root))
    return out


def missing_programs() -> list[str]:
    return [name for name in ("lua5.3", "tclsh", "ps", "less") if shutil.which(name) is None]
