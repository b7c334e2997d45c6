"""Makes unchecked-hash .pyc files (PEP 552) whose bytes depend on the source and its path alone.

Runs in the staged interpreter, in the release's root, as `python -I -S -B -X pycache_prefix=NOWHERE -c SCRIPT JOBS`; the
list of files, relative and NUL separated, is read from descriptor 3. Prints the interpreter's version, and then a line
for each file: "+", or "-" and its name when it does not compile.

marshal writes a reference mark on every object that anything else in the process holds, too: an identifier that some
earlier file brought would change this file's bytes. So while a file is written, this program itself holds every string of
it, which then has the mark whatever came before; all else that marshal writes belongs to the file alone, or lives as long
as the interpreter. (A process a file would do as well, and takes four times as long: each touches pages of its own.)
pycache_prefix keeps what is imported here from depending on which .pyc are there already.
"""

import importlib.util
import marshal
import os
import platform
import stat
import sys
import types
import warnings

UNCHECKED_HASH = 0b01  # PEP 552: by hash, and not to be compared with the source


def strings_of(value, found):
    """Every string that marshal writes of a constant or code object goes to `found`."""
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, (tuple, frozenset)):
        for item in value:
            strings_of(item, found)
    elif isinstance(value, types.CodeType):
        for part in (value.co_name, getattr(value, "co_qualname", ""), value.co_filename, value.co_names, value.co_varnames,
                     value.co_cellvars, value.co_freevars, value.co_consts):
            strings_of(part, found)


def compile_one(path):
    """Whether it compiles. Templates, sources for Python 2, test data: they stay without bytecode, as with pip."""
    with open(path, "rb") as file:
        source = file.read()
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except Exception:  # whatever a compiler may say of a text
        return False
    held = []
    strings_of(code, held)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)
    folder, name = os.path.split(path)
    cache = os.path.join(folder, "__pycache__")
    os.makedirs(cache, exist_ok=True)
    target = os.path.join(cache, f"{name[:-3]}.{sys.implementation.cache_tag}.pyc")
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(header + marshal.dumps(code))
    return True


def work(paths, parent):
    """The exit code of a worker. Its lines are short enough to be written at once, so those of others do not mix in."""
    for path in paths:
        if os.getppid() != parent:  # it was ended, and the folder is being removed
            return 1
        try:
            line = "+" if compile_one(path) else "-" + path
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr, flush=True)
            return 1
        os.write(1, os.fsencode(line + "\n"))
    return 0


def main():
    jobs = int(sys.argv[1])
    with open(3, "rb") as listing:
        paths = [os.fsdecode(name) for name in listing.read().split(b"\0") if name]
    paths.sort(key=os.path.getsize)  # shares of the same sizes
    warnings.simplefilter("ignore")
    print(platform.python_version(), flush=True)
    parent = os.getpid()
    workers = []
    for number in range(jobs):
        worker = os.fork()
        if worker == 0:
            status = 1
            try:
                status = work(paths[number::jobs], parent)
            except BaseException:  # the parent's stack is not this one's to unwind
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(status)
        workers.append(worker)
    failed = False
    for worker in workers:
        status = os.waitpid(worker, 0)[1]
        if os.WIFSIGNALED(status):
            print(f"the compiler was ended by signal {os.WTERMSIG(status)}", file=sys.stderr)
        failed = failed or status != 0
    return 1 if failed else 0


sys.exit(main())
