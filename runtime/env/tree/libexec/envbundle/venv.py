"""`envrun venv DIR`: a virtual environment on top of the release that runs this program.

    python -I venv.py DIR ROOT [--prompt WORD] [--upgrade | --repair]

ROOT is what DIR points to: the prefix, whose `current` follows upgrades, or the release itself. Python's own `venv`
makes the folder, with two differences: pip is not copied into it (the release's works on the folder, because pip
installs where `sys.prefix` is), and programs that run from it keep the release they started with (RELEASE_CODE).
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import venv

MARK = "envbundle-venv.json"
# `home` in pyvenv.cfg names ROOT, so an upgrade would change files under a program that runs: its search path is set to
# the release behind ROOT. Python reads this from a .pth file at each start, before it adds the release's own packages.
RELEASE_CODE = '''\
"""Written by 'envrun venv': keeps a running program on the release it started with."""
import os
import site
import sys

_root = sys.base_prefix
_release = os.path.dirname(os.path.realpath(os.path.join(_root, "lib")))


def _fixed(path):
    inside = path == _root or path.startswith(_root + os.sep)
    return _release + path[len(_root):] if inside and not path.startswith(sys.prefix + os.sep) else path


if _release != _root:
    sys.path[:] = [_fixed(path) for path in sys.path]
    site.PREFIXES[:] = [_fixed(path) for path in site.PREFIXES]
    sys.base_prefix, sys.base_exec_prefix = _fixed(sys.base_prefix), _fixed(sys.base_exec_prefix)
'''
PIP_SCRIPT = """\
import sys
from pip._internal.cli.main import main
if __name__ == "__main__":
    sys.argv[0] = "pip"
    sys.exit(main())
"""


class Refused(Exception):
    def __init__(self, code, what, where="", why="", hints=()):
        super().__init__(what)
        self.code, self.where, self.why, self.hints = code, where, why, hints

    def text(self):
        lines = [f"envrun: error: {self}"]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  why:   {self.why}"] if self.why else []
        return "\n".join(lines + [f"  hint:  {hint}" for hint in self.hints])


class Builder(venv.EnvBuilder):
    def __init__(self, root, **options):
        super().__init__(system_site_packages=True, symlinks=True, with_pip=False, **options)
        self.root = root

    def ensure_directories(self, env_dir):
        context = super().ensure_directories(env_dir)
        # Instead of the release's own path, which the next upgrade may remove.
        context.python_dir = str(self.root / "bin")
        context.python_exe = "python3"
        context.executable = str(self.root / "bin/python3")
        return context

    def setup_python(self, context):
        # As the original, but links of another prefix are replaced instead of kept.
        for name in ("python", "python3", f"python{sys.version_info.major}.{sys.version_info.minor}"):
            target = context.executable if name == "python3" else "python3"
            replace_link(pathlib.Path(context.bin_path) / name, target)

    def post_setup(self, context):
        site = site_packages(pathlib.Path(context.env_dir))
        replace_text(site / "_envbundle_release.py", RELEASE_CODE)
        replace_text(site / "_envbundle_release.pth", "import _envbundle_release\n")
        scripts = pathlib.Path(context.bin_path)
        for name in ("pip", "pip3"):
            # A pip that the user installed here stays.
            if not (site / "pip").exists():
                replace_text(scripts / name, shebang(scripts / "python3") + PIP_SCRIPT, 0o777)


def site_packages(folder, version=sys.version_info[:2]):
    return folder / f"lib/python{version[0]}.{version[1]}/site-packages"


def shebang(python):
    """The first line of a script; the kernel takes no blank in it and at most 127 bytes."""
    text = str(python)
    if " " not in text and len(os.fsencode(text)) <= 124:
        return f"#!{text}\n"
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    return f"#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''\n"


def replace_link(path, target):
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, path)


def replace_text(path, text, mode=0o666):
    """Writes a new file and renames it: a program that runs keeps the old one."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with open(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, mode & ~mask)
    os.replace(name, path)


def read_mark(folder):
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return {"folder": str(mark["folder"]), "root": str(mark["root"]), "python": str(mark["python"])}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {"folder": "", "root": "", "python": ""}


def own_packages(folder, version):
    """Names of what pip installed into the folder for that Python."""
    found = (folder / f"lib/python{version}/site-packages").glob("*.dist-info")
    return sorted({each.name.split("-")[0] for each in found} - {"pip"})


def repair_scripts(folder, old_folder):
    """Programs that pip installed name the folder's python by its path, in a first line as pip or we write it."""
    if not old_folder or old_folder == str(folder):
        return
    old = re.escape(old_folder)
    first_line = re.compile(
        rf"\A(#!{old}/bin/(?P<plain>python[0-9.]*)\n|"
        rf"#!/bin/sh\n'''exec' [\"']{old}/bin/(?P<quoted>python[0-9.]*)[\"'] .*\n' '''\n)")
    for script in (folder / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes().decode("utf-8", errors="surrogateescape")
        found = first_line.match(text)
        if found:
            line = shebang(folder / "bin" / (found["plain"] or found["quoted"]))
            replace_text(script, line + text[found.end():], 0o777)


def check_folder(folder, root, mark, changing):
    if any(letter in str(folder) for letter in ":\n\r"):
        raise Refused(2, "a virtual environment cannot stand there", folder, "PATH cannot hold ':' or a line end")
    if root in folder.parents or folder == root:
        raise Refused(2, "a virtual environment cannot stand inside the environment itself", folder,
                      "releases are not written to", ["choose a folder of your own"])
    if mark is None:
        if changing:
            raise Refused(2, "there is no virtual environment of 'envrun venv'", folder)
        if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(53, "the folder holds something else; it is left as it is", folder, "it is not empty",
                          ["name a folder that is new or empty"])
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if changing:
        return
    if mark["python"] != version:
        raise Refused(12, f"the folder was made with Python {mark['python']}, this release has {version}", folder,
                      "packages of one Python cannot be used by another",
                      [f"'envrun venv {folder} --upgrade' adapts it and names the packages to install again"])
    if mark["folder"] != str(folder) or mark["root"] != str(root):
        moved = "the folder" if mark["folder"] != str(folder) else "the environment"
        raise Refused(2, f"{moved} stands elsewhere than when the folder was made", folder,
                      f"made at {mark['folder']} on top of {mark['root']}",
                      [f"'envrun venv {folder} --repair' adapts it to {root}"])


def main():
    parser = argparse.ArgumentParser(prog="envrun venv")
    parser.add_argument("folder")
    parser.add_argument("root")
    parser.add_argument("--prompt")
    parser.add_argument("--upgrade", action="store_true")
    parser.add_argument("--repair", action="store_true")
    options = parser.parse_args()
    folder = pathlib.Path(os.path.abspath(options.folder))
    root = pathlib.Path(options.root)
    changing = options.upgrade or options.repair
    mark = read_mark(folder)
    check_folder(folder, root, mark, changing)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    Builder(root, prompt=options.prompt or folder.name).create(folder)
    if mark:
        repair_scripts(folder, mark["folder"])
    replace_text(folder / MARK, json.dumps({"folder": str(folder), "root": str(root), "python": version}) + "\n")
    again = own_packages(folder, mark["python"]) if mark and mark["python"] not in ("", version) else []
    if again:
        print(f"envrun: packages of Python {mark['python']} to install again: pip install {' '.join(again)}",
              file=sys.stderr)
    print(f"{folder}: {'adapted' if mark else 'made'}; activate it with: . {folder}/bin/activate")


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        print(refused.text(), file=sys.stderr)
        sys.exit(refused.code)
    except OSError as error:
        problem = Refused(24 if isinstance(error, PermissionError) else 21, "the folder cannot be made",
                          error.filename or "", error.strerror or str(error))
        print(problem.text(), file=sys.stderr)
        sys.exit(problem.code)
