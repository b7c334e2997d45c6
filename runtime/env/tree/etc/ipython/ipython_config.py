"""Where the home directory is on a network file system, IPython's history stays in memory.

The history is an SQLite file in ~/.ipython. SQLite needs locks that work; on NFS and parallel file systems they may be
missing or hang, and then every kernel and `ipython` hangs at its start. A profile of the user's own goes before this
file: `c.HistoryManager.hist_file = "/local/disk/history.sqlite"` there keeps a history.
"""

import os

NETWORK = {"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "smbfs", "afs", "ceph", "panfs", "pvfs2",
           "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.beegfs", "9p"}


def file_system_of(path):
    """The type of the file system that holds `path`; "" when /proc does not tell."""
    path = os.path.realpath(path)
    best, kind = "", ""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split()
                point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
                inside = point == "/" or path == point or path.startswith(point + "/")
                if inside and len(point) >= len(best):
                    best, kind = point, fields[2]
    except (OSError, IndexError):
        pass
    return kind


c = get_config()  # noqa: F821 (IPython puts it into this file's namespace)
if file_system_of(os.environ.get("IPYTHONDIR") or os.path.expanduser("~/.ipython")) in NETWORK:
    c.HistoryManager.hist_file = ":memory:"
