"""Makes unchecked-hash .pyc files (PEP 552) whose bytes depend on the source and its path alone.

Runs in the staged interpreter, in the release's root, as `python -I -S -B -X pycache_prefix=NOWHERE -c SCRIPT JOBS`; the
list of files, relative and NUL separated, is read from descriptor 3. Prints the interpreter's version, and then a line
for each file: "+", or "-" and its name when it does not compile.

marshal writes a reference mark on every object that anything else in the process holds, too: an identifier that some
earlier file brought would change this file's bytes. So each file is compiled in a child of its own, forked from a parent
that compiles nothing and therefore is the same for each. pycache_prefix keeps what is imported here from depending on
which .pyc are there already.
"""

import os
import platform
import py_compile
import sys
import warnings


def compile_one(path):
    folder, name = os.path.split(path)
    try:
        py_compile.compile(
            path,
            cfile=os.path.join(folder, "__pycache__", f"{name[:-3]}.{sys.implementation.cache_tag}.pyc"),
            dfile=path,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except (py_compile.PyCompileError, UnicodeDecodeError, ValueError):
        # Templates, sources for Python 2, test data: they stay without bytecode, as with pip.
        return 3
    except OSError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 4
    return 0


def main():
    jobs = int(sys.argv[1])
    with open(3, "rb") as listing:
        pending = [os.fsdecode(name) for name in listing.read().split(b"\0") if name]
    pending.reverse()
    warnings.simplefilter("ignore")
    print(platform.python_version(), flush=True)
    running = {}
    failed = False
    while pending or running:
        while pending and len(running) < jobs:
            path = pending.pop()
            child = os.fork()
            if child == 0:
                status = 4
                try:
                    status = compile_one(path)
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            running[child] = path
        child, status = os.wait()
        path = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            print("+", flush=True)
        elif code == 3:
            print("-" + path, flush=True)
        else:
            failed = True
            print(f"{path}: the compiler ended with {code}", file=sys.stderr)
    return 1 if failed else 0


sys.exit(main())
