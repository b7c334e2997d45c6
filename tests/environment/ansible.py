#!/usr/bin/env python3
"""The Ansible role and the ClusterShell line, with real ansible-playbook and clush on this machine.

    tests/environment/ansible.py --made DIR

DIR holds *.bundle.zst and its envinstall. Needs Debian's ansible-core and clustershell; no network: the connections are
Ansible's `local` and ClusterShell's worker `exec`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROLE = pathlib.Path(__file__).resolve().parents[2] / "packaging/ansible/install.yml"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--made", type=pathlib.Path, required=True)
    made = parser.parse_args().made.resolve()
    bundle = sorted(made.glob("*.bundle.zst"))[0]
    counts = {True: 0, False: 0}

    def check(what, ok, detail=""):
        counts[bool(ok)] += 1
        print(f"{'ok     ' if ok else 'FAILED '} {what}" + ("" if ok else f"\n{detail}"), flush=True)

    with tempfile.TemporaryDirectory(prefix="eb-ansible-") as name:
        work = pathlib.Path(name)
        prefix, drop = work / "dl", work / "drop"
        drop.mkdir()
        environment = os.environ | {"ANSIBLE_LOCAL_TEMP": str(work / "t"), "ANSIBLE_REMOTE_TEMP": str(work / "r"),
                                    "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8", "HOME": str(work)}

        def play(*more):
            done = subprocess.run(
                ["ansible-playbook", "-i", "localhost,", "-c", "local", str(ROLE), "-e", f"envbundle_bundle={bundle}",
                 "-e", f"envbundle_prefix={prefix}", "-e", f"envbundle_copy_to={drop}",
                 "-e", f"ansible_python_interpreter={sys.executable}",
                 "-e", '{"envbundle_options": ["--gpu-check=skip"]}', *more],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
            recap = dict(re.findall(r"(\w+)=(\d+)", done.stdout.rsplit("PLAY RECAP", 1)[-1]))
            return done, recap

        done, recap = play("--check")
        check("--check on an empty host: changed=1, nothing is written", done.returncode == 0 and
              recap.get("changed") == "1" and not prefix.exists(), done.stdout)
        done, recap = play()
        check("the first run: changed=1, installed", done.returncode == 0 and recap.get("changed") == "1" and
              (prefix / "current").is_dir(), done.stdout)
        done, recap = play()
        check("the second run: changed=0", done.returncode == 0 and recap.get("changed") == "0", done.stdout)
        done, recap = play("--check")
        check("--check after it: changed=0", done.returncode == 0 and recap.get("changed") == "0", done.stdout)
        done, recap = play("-e", f"envbundle_prefix={work}")
        check("a folder that holds something else: failed", done.returncode != 0 and recap.get("failed") == "1",
              done.stdout)
        shared = work / "shared"
        done = subprocess.run(["clush", "-R", "exec", "-bw", "n[1-3]",
                               f"{made}/envinstall {bundle} --prefix {shared} --quiet --gpu-check=skip"],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, check=False)
        check("clush: three at once to one prefix, quiet, exit 0", done.returncode == 0 and not done.stdout.strip() and
              (shared / "current").is_dir(), done.stdout)
    print(f"\n{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
