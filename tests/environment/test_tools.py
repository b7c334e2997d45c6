"""Python packages that only the tests use, in a virtual environment below the download cache."""

import os
import pathlib
import shutil
import subprocess
import sys

# selenium: drives the browser that Debian packages; jupyter_client: a Jupyter that is not the bundle's.
PACKAGES = ("selenium>=4.20", "jupyter_client>=8")


# Debian's own, which every user of the machine can run.
HOST_PYTHON = "/usr/bin/python3"


def cache():
    named = os.environ.get("ENVBUNDLE_CACHE")
    if named:
        return pathlib.Path(named)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "envbundle"


def test_python():
    """The interpreter of that environment; it is made when missing."""
    folder = cache() / "environment-tests"
    python = folder / "bin/python"
    ready = folder / "ready"
    wanted = "\n".join((HOST_PYTHON, *PACKAGES))
    if not ready.exists() or ready.read_text() != wanted:
        subprocess.run([HOST_PYTHON, "-m", "venv", "--clear", folder], check=True, timeout=300)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
                       check=True, timeout=600)
        ready.write_text(wanted)
    return python


def packages_for_users(folder):
    """A copy of those packages in `folder`, for users who may not look into the cache; for HOST_PYTHON."""
    source = next(test_python().parent.parent.glob("lib/python3*/site-packages"))
    shutil.copytree(source, folder)
    return folder


def run_with_test_packages():
    """Starts this program again with that interpreter, unless it runs there already."""
    python = test_python()
    if pathlib.Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])
