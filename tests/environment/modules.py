#!/usr/bin/env python3
"""Module files in the real Lmod and the real Environment Modules: load, unload, swap, conflict, family, help, spider,
saved collections, in bash, zsh, fish and tcsh; prefixes that moved, links, blanks; EasyBuild's layout.

    tests/environment/modules.py --build BUILD/dev [--prefix PREFIX]

Small bundles are made with the programs of the build, two versions of one name, a second build of one version, and
another name, and installed into prefixes of the test's own. With --prefix the module of a real prefix is loaded, too,
and its Python started. Prints a line a check and at the end `N passed, N failed`.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent / "support")]
from report import Report  # noqa: E402

import module_tools  # noqa: E402
import small_bundle  # noqa: E402

SHELLS = {"bash": ["bash", "--norc", "--noprofile"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"],
          "tcsh": ["tcsh", "-f"]}
# What a shell sets by itself, in any command.
SHELLS_OWN = re.compile(r"_$|PWD$|OLDPWD$|SHLVL$|BASH_FUNC_")
OWN_ENVIRONMENT = {"PYTHONHOME": "/another/python", "PYTHONNOUSERSITE": "yes", "PYTHONPATH": "/my/code",
                   "MANPATH": "/usr/share/man", "LD_LIBRARY_PATH": "/my/lib", "ENVBUNDLE_PREFIX": "/before"}


class Session:
    """One shell that runs `lines`; after each line that is `snapshot NAME` the environment is in .at[NAME]."""

    def __init__(self, tool, work, lines, shell="bash", environment=None):
        self.at, self.tool = {}, tool
        script = [f"source '{tool.init(shell)}'"]
        names = []
        for line in lines:
            word, _, name = line.partition(" ")
            if word == "snapshot":
                names.append(name)
                # A command of every shell: the same text serves them all.
                script.append(f"/usr/bin/env -0 > '{work}/{name}.env'")
            else:
                script.append(line)
        file = work / "session"
        file.write_text("\n".join(script) + "\n")
        home = work / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            [*SHELLS[shell], str(file)], capture_output=True, text=True, timeout=120, check=False, cwd=work,
            env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb", "USER": "someone",
                 "LMOD_PAGER": "none", "MODULES_PAGER": "", **(environment or {})})
        self.text = done.stdout + done.stderr
        for name in names:
            path = work / f"{name}.env"
            if path.exists():
                pairs = [entry.partition("=") for entry in path.read_text().split("\0") if entry]
                self.at[name] = {key: value for key, _, value in pairs if not SHELLS_OWN.match(key)}
                path.unlink()

    def changed(self, before, after):
        """Differences but for the module system's own variables; "" when there are none."""
        if before not in self.at or after not in self.at:
            return f"no snapshot: {self.text}"
        one, two = self.at[before], self.at[after]
        names = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
        return "; ".join(f"{key} was {one.get(key)!r}, is {two.get(key)!r}" for key in names if not self.tool.own(key))

    def unless(self, name, **wanted):
        """What of `wanted` the snapshot has not: NAME="value", or NAME=None for not set."""
        if name not in self.at:
            return f"no snapshot: {self.text}"
        return "; ".join(f"{key} is {self.at[name].get(key)!r}, not {value!r}" for key, value in wanted.items()
                         if self.at[name].get(key) != value)

    def unless_text(self, *patterns):
        return "".join(f"no {pattern!r} in {self.text!r}" for pattern in patterns if not re.search(pattern, self.text))


class Fixture:
    """Bundles, and prefixes with them."""

    def __init__(self, build, work):
        self.work = work
        self.installer = build / "installer/cli/envinstall"
        self.bundles, key = {}, None
        for label, name, version in (("one", "demo", "1.0"), ("two", "demo", "2.0"), ("rebuilt", "demo", "2.0"),
                                     ("other", "other", "1.0")):
            folder = work / "bundles" / label
            small_bundle.make_bundle(build / "bundler/cli/envbundle", self.installer, folder, name=name,
                                     version=version, text=label, key=key)
            key = key or folder / "key"
            self.bundles[label] = folder / f"{name}.bundle.zst"
        self.cuda = work / "site"
        (self.cuda / "cuda").mkdir(parents=True)
        (self.cuda / "cuda/12.8").write_text("#%Module1.0\nsetenv CUDA_HOME /usr/local/cuda\n")

    def install(self, label, prefix, *options, code=0):
        bundle = self.bundles[label]
        done = subprocess.run([bundle.parent / "envinstall", bundle, "--prefix", prefix, "-q", "--parents", *options],
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != code:
            raise RuntimeError(f"envinstall {label} exits {done.returncode}: {done.stdout}{done.stderr}")
        return done.stderr

    def uninstall(self, prefix, *what):
        done = subprocess.run([self.installer, "uninstall", prefix, *what, "-q"], capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"uninstall exits {done.returncode}: {done.stderr}")

    def prefix(self, name, *labels):
        path = self.work / name
        for label in labels:
            self.install(label, path)
        return path

    @staticmethod
    def release(prefix, label):
        [found] = [path for path in sorted((prefix / "releases").iterdir())
                   if (path / "share/doc/readme").read_text() == f"release {label}\n"]
        return found


def use(prefix):
    return f"module use '{prefix}/modulefiles'"


def load_and_unload(report, tool, work, prefix, fixture):
    """Every shell: what a load sets, and that nothing of it is left."""
    two = fixture.release(prefix, "two")
    for shell in SHELLS:
        for label, own in (("clean", {}), ("with variables of its own", OWN_ENVIRONMENT)):
            # The first use of a module system sets up its own variables.
            done = Session(tool, work, [
                use(prefix), f"module use '{fixture.cuda}'", "module load cuda", "module unload cuda",
                "snapshot before", "module load demo", "snapshot loaded", "hello", "module unload demo",
                "snapshot after",
                "module load demo/1.0", "module swap demo demo/2.0", "snapshot swapped", "module unload demo",
                "snapshot end"], shell, own)
            who = f"{tool.kind}, {shell}, {label}"
            report.check(f"{who}: load sets what it should, and no more", done.unless(
                "loaded", ENVBUNDLE_PREFIX=str(two), PYTHONNOUSERSITE="1", PYTHONHOME=None,
                PATH=f"{two}/bin:/usr/local/bin:/usr/bin:/bin", PYTHONPATH=own.get("PYTHONPATH"),
                LD_LIBRARY_PATH=own.get("LD_LIBRARY_PATH"), LD_PRELOAD=None,
                MANPATH=f"{two}/share/man:{own['MANPATH']}" if own else None) or done.unless_text("hello"))
            report.check(f"{who}: unload undoes it", done.changed("before", "after"))
            report.check(f"{who}: swap is the same as a load", done.changed("loaded", "swapped"))
            report.check(f"{who}: unload after a swap undoes it", done.changed("before", "end"))


def exclusion(report, tool, work, prefix, fixture):
    site = f"module use '{fixture.cuda}'"
    done = Session(tool, work, [use(prefix), site, "module load cuda", "snapshot before", "module load demo",
                                "snapshot after", "module list"])
    report.check(f"{tool.kind}: a loaded cuda keeps it from loading", done.changed("before", "after")
                 or done.unless_text("(?i)conflict|cannot load module", r"cuda/12\.8"))
    done = Session(tool, work, [use(prefix), "module load demo/1.0", "module load demo/2.0", "snapshot after"])
    one, two = fixture.release(prefix, "one"), fixture.release(prefix, "two")
    # Lmod swaps two versions of a name by itself, Environment Modules refuse; never both.
    want = two if tool.is_lmod else one
    report.check(f"{tool.kind}: never two versions at once", done.unless(
        "after", PATH=f"{want}/bin:/usr/local/bin:/usr/bin:/bin", ENVBUNDLE_PREFIX=str(want)))
    done = Session(tool, work, [use(prefix), "module load demo/1.0", "module load other", "snapshot after"])
    want = fixture.release(prefix, "other") if tool.is_lmod else one
    report.check(f"{tool.kind}: one family, never two environments at once", done.unless(
        "after", PATH=f"{want}/bin:/usr/local/bin:/usr/bin:/bin", ENVBUNDLE_PREFIX=str(want)))


def telling(report, tool, work, prefix):
    def ask(label, command, *patterns):
        done = Session(tool, work, [use(prefix), command])
        wrong = re.findall(r"(?i)error|unable|traceback|couldn't", done.text)
        report.check(f"{tool.kind}: {label}", done.unless_text(*patterns) or (wrong and done.text))

    ask("module help", "module help demo/1.0", r"demo 1\.0: one relocatable folder", "ENVBUNDLE_PREFIX",
        "packages.json")
    ask("module whatis", "module whatis demo/2.0", "Name: demo", r"Version: 2\.0", "Category: ")
    ask("module show", "module show demo/1.0", r"prepend.path\W+PATH", r"releases/demo-\w{16}/bin", "conflict",
        "family")
    ask("module avail", "module avail", r"demo/1\.0", r"demo/2\.0", r"other/1\.0")
    listed = re.findall(r"demo/1\.0\S*", Session(tool, work, [use(prefix), "module -t avail demo"]).text)
    report.check(f"{tool.kind}: module avail has a version once, and no .lua",
                 "" if listed == ["demo/1.0"] else str(listed))
    if tool.is_lmod:
        ask("module spider", "module spider demo", r"demo/1\.0", r"demo/2\.0")
        ask("module spider of a version", "module spider demo/2.0", "Description", "relocatable folder")
        # The cache that sites build evaluates every file without a user's context.
        done = subprocess.run([tool.root / "usr/share/lmod/lmod/libexec/spider", "-o", "jsonSoftwarePage",
                               prefix / "modulefiles"], capture_output=True, text=True, timeout=60, check=False)
        report.check("lmod: the spider cache", "" if '"defaultVersionName":"2.0"' in done.stdout.replace(" ", "")
                     and done.returncode == 0 else done.stdout[:2000] + done.stderr)


def default_version(report, tool, work, fixture):
    """Who names no version gets what `current` names, at once, whichever way it went."""
    prefix = fixture.prefix(f"{tool.kind} default".replace(" ", "-"), "one", "two")
    (prefix / "current").unlink()
    (prefix / "current").symlink_to(os.path.relpath(fixture.release(prefix, "one"), prefix))
    done = Session(tool, work, [use(prefix), "module load demo", "snapshot loaded"])
    report.check(f"{tool.kind}: the default version is the active one, not the newest",
                 done.unless("loaded", ENVBUNDLE_PREFIX=str(fixture.release(prefix, "one"))))
    shutil.rmtree(prefix)


def upgrades(report, tool, work, fixture):
    """A session keeps what it loaded; it can let go of it also when the file has another content by then."""
    prefix = fixture.prefix(f"{tool.kind}-upgrades", "one")
    one = fixture.release(prefix, "one")
    installer = fixture.bundles["two"].parent / "envinstall"
    upgrade = f"'{installer}' '{fixture.bundles['two']}' --prefix '{prefix}' -q"
    done = Session(tool, work, [use(prefix), "module load demo", "module unload demo", "snapshot before",
                                "module load demo", upgrade, "snapshot loaded", "module unload demo", "snapshot after",
                                "module load demo", "snapshot anew"])
    two = fixture.release(prefix, "two")
    report.check(f"{tool.kind}: an upgrade leaves a session alone", done.unless("loaded", ENVBUNDLE_PREFIX=str(one)))
    report.check(f"{tool.kind}: unload after an upgrade undoes the load", done.changed("before", "after"))
    report.check(f"{tool.kind}: the next load is the new version", done.unless("anew", ENVBUNDLE_PREFIX=str(two)))
    installer = fixture.bundles["rebuilt"].parent / "envinstall"
    rebuild = f"'{installer}' '{fixture.bundles['rebuilt']}' --prefix '{prefix}' -q"
    done = Session(tool, work, [use(prefix), "module load demo", "module unload demo", "snapshot before",
                                "module load demo/2.0", "snapshot loaded", rebuild, "module unload demo",
                                "snapshot after", "module load demo/2.0", "snapshot anew"])
    report.check(f"{tool.kind}: a rebuilt version takes the place of the old", done.unless(
        "loaded", ENVBUNDLE_PREFIX=str(two)) or done.unless(
            "anew", ENVBUNDLE_PREFIX=str(fixture.release(prefix, "rebuilt"))))
    report.check(f"{tool.kind}: unload of the old undoes the load", done.changed("before", "after"))
    fixture.uninstall(prefix, one.name)
    done = Session(tool, work, [use(prefix), "module -t avail demo"])
    report.check(f"{tool.kind}: an uninstalled version is gone from the list",
                 done.text if "demo/1.0" in done.text or "demo/2.0" not in done.text else "")
    fixture.uninstall(prefix, "--all")
    report.check(f"{tool.kind}: uninstall leaves no module file",
                 " ".join(str(path) for path in prefix.rglob("*")) if prefix.exists() else "")


def places(report, tool, work, fixture):
    original = fixture.prefix(f"{tool.kind}-places", "one", "two")
    moved = work / f"{tool.kind} moved to a path with blanks"
    original.rename(moved)
    link = work / f"{tool.kind}-link"
    link.symlink_to(moved)
    plain = work / f"{tool.kind}-plain"
    if not tool.is_lmod:
        cases = [("moved, with blanks", moved), ("through a link", link)]
    else:
        # Lmod reads a .modulerc with Tcl, which loses its way at a blank; only a new install leaves it out.
        (moved / "modulefiles/demo/.modulerc").unlink()
        cases = [("moved, with blanks", moved), ("through a link", link)]
    for label, prefix in cases:
        wanted = prefix / "releases" / fixture.release(prefix, "one").name
        done = Session(tool, work, [use(prefix), "module load demo/1.0", "snapshot loaded", "hello",
                                    "module unload demo"])
        report.check(f"{tool.kind}: {label}", done.unless("loaded", ENVBUNDLE_PREFIX=str(wanted))
                     or done.unless_text("hello"))
    link.unlink()
    moved.rename(plain)
    release = fixture.release(plain, "one")
    done = Session(tool, work, [use(release), "module load demo", "snapshot loaded"])
    report.check(f"{tool.kind}: a release's own module files", done.unless("loaded", ENVBUNDLE_PREFIX=str(release)))
    # What `bash -c` in a job script does: init, then module.
    done = subprocess.run(
        ["bash", "-c", f". '{tool.init('bash')}'; module use '{plain}/modulefiles'; set -eu; module load demo; hello"],
        env={"HOME": str(work), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False)
    report.check(f"{tool.kind}: bash -c with set -eu", "" if done.stdout == "hello\n" else done.stdout + done.stderr)
    fixture.install("two", work / f"{tool.kind} with blanks")
    blanks = work / f"{tool.kind} with blanks"
    done = Session(tool, work, [use(blanks), "module avail", "module load demo", "snapshot loaded"])
    report.check(f"{tool.kind}: installed into a path with blanks",
                 done.unless("loaded", ENVBUNDLE_PREFIX=str(fixture.release(blanks, "two"))))
    shutil.rmtree(blanks)
    shutil.rmtree(plain)


def collections(report, tool, work, prefix):
    done = Session(tool, work, [use(prefix), "module load demo/1.0", "module save mine", "snapshot saved",
                                "module purge", "module restore mine", "snapshot restored"])
    report.check(f"{tool.kind}: save and restore", done.changed("saved", "restored"))


def site_choices(report, tool, work, fixture):
    prefix = work / f"{tool.kind}-site"
    fixture.install("one", prefix, "--module-conflict", "none")
    lines = [use(prefix), f"module use '{fixture.cuda}'", "module load cuda", "module load demo", "snapshot both"]
    done = Session(tool, work, lines)
    wanted = {"CUDA_HOME": "/usr/local/cuda", "ENVBUNDLE_PREFIX": str(fixture.release(prefix, "one"))}
    report.check(f"{tool.kind}: --module-conflict none", done.unless("both", **wanted))
    fixture.install("two", prefix)
    done = Session(tool, work, lines)
    wanted["ENVBUNDLE_PREFIX"] = str(fixture.release(prefix, "two"))
    report.check(f"{tool.kind}: the choice holds for the next install", done.unless("both", **wanted))
    fixture.install("two", prefix, "--module-conflict", "cuda,conda")
    for version in ("1.0", "2.0"):
        done = Session(tool, work, [*lines[:3], f"module load demo/{version}", "snapshot both"])
        report.check(f"{tool.kind}: a later choice changes version {version}",
                     done.unless("both", CUDA_HOME="/usr/local/cuda", ENVBUNDLE_PREFIX=None))
    shutil.rmtree(prefix)


def easybuild(report, tool, work, fixture):
    root = work / f"{tool.kind}-eb"
    root.mkdir()
    fixture.install("one", root, "--layout=eb")
    fixture.install("two", root, "--layout=eb")
    fixture.install("two", root, "--layout=eb")  # once more: nothing to do
    moved = work / f"{tool.kind}-eb-moved"
    root.rename(moved)
    folder = moved / "software/demo/2.0"
    modules = f"module use '{moved}/modules/all'"
    done = Session(tool, work, [modules, "module load demo", "module unload demo", "snapshot before",
                                "module load demo", "snapshot loaded", "hello", "module swap demo demo/1.0",
                                "snapshot swapped",
                                "module unload demo", "snapshot after"])
    report.check(f"{tool.kind}: EasyBuild's layout", done.unless(
        "loaded", EBROOTDEMO=str(folder), EBVERSIONDEMO="2.0", ENVBUNDLE_PREFIX=str(folder),
        PATH=f"{folder}/bin:/usr/local/bin:/usr/bin:/bin") or done.unless_text("hello"))
    report.check(f"{tool.kind}: EasyBuild's layout, swap", done.unless(
        "swapped", EBROOTDEMO=str(moved / "software/demo/1.0"), EBVERSIONDEMO="1.0"))
    report.check(f"{tool.kind}: EasyBuild's layout, unload", done.changed("before", "after"))
    foreign = moved / "modules/all/other/1.0.lua"
    foreign.parent.mkdir()
    foreign.write_text("-- somebody's\n")
    error = fixture.install("other", moved, "--layout=eb", code=2)
    report.check(f"{tool.kind}: a foreign module file is not overwritten",
                 "" if str(foreign) in error and foreign.read_text() == "-- somebody's\n"
                 and not (moved / "software/other").exists() else error)
    fixture.uninstall(folder, "--all")
    fixture.uninstall(moved / "software/demo/1.0", "--all")
    left = [str(path.relative_to(moved)) for path in moved.rglob("*") if not path.is_dir()]
    report.check(f"{tool.kind}: EasyBuild's layout, uninstall takes its own and no more",
                 "" if left == ["modules/all/other/1.0.lua"] and not (moved / "modules/all/demo").exists()
                 else str(left))
    shutil.rmtree(moved)


def real_prefix(report, tool, work, prefix):
    files = sorted(path for path in (prefix / "modulefiles").glob("*/*.lua"))
    if not files:
        report.check(f"{tool.kind}: {prefix} has module files", "none")
        return
    module = f"{files[-1].parent.name}/{files[-1].stem}"
    report.check(f"{tool.kind}: help of {module} names its programs",
                 Session(tool, work, [use(prefix), f"module help {module}"]).unless_text("Holds: ",
                                                                                         "Programs: .*python"))
    for shell in SHELLS:
        done = Session(tool, work, [
            use(prefix), f"module load {module}", f"module unload {module}", "snapshot before", f"module load {module}",
            "snapshot loaded", "python -c 'import sys, site; print(sys.prefix, site.ENABLE_USER_SITE)'",
            f"module unload {module}", "snapshot after"], shell, {"PYTHONHOME": "/another/python"})
        root = done.at.get("loaded", {}).get("ENVBUNDLE_PREFIX", "?")
        report.check(f"{tool.kind}, {shell}: {module} starts its Python in spite of PYTHONHOME",
                     "" if f"{root} False\n" in done.text else f"{root} {done.text}")
        report.check(f"{tool.kind}, {shell}: {module} unloads", done.changed("before", "after"))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=pathlib.Path, required=True, help="where envbundle and envinstall were built")
    options.add_argument("--prefix", type=pathlib.Path, help="a real prefix")
    args = options.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="envbundle-modules-") as name:
        work = pathlib.Path(name).resolve()
        fixture = Fixture(args.build.resolve(), work)
        prefix = fixture.prefix("prefix", "one", "other", "two")
        for tool in module_tools.tools():
            print(f"        {tool.kind} {tool.version()}; its own variables: {tool.own_names}", flush=True)
            load_and_unload(report, tool, work, prefix, fixture)
            exclusion(report, tool, work, prefix, fixture)
            telling(report, tool, work, prefix)
            default_version(report, tool, work, fixture)
            upgrades(report, tool, work, fixture)
            places(report, tool, work, fixture)
            collections(report, tool, work, prefix)
            site_choices(report, tool, work, fixture)
            easybuild(report, tool, work, fixture)
            if args.prefix:
                real_prefix(report, tool, work, args.prefix.absolute())
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
