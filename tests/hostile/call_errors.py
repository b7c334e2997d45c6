"""What each system call of an install can answer.

Every call that an install makes once main() runs is in one of the two tables. Errors that only a wrong argument brings
(EBADF, EFAULT, EINVAL and the like) stand here where a file system, a security module or a kernel of another age gives
them to right ones. Some calls are those of another C library or architecture.
"""

# The errors of the manual pages, and those of FAULTS F116–F124 that network file systems add.
_WALK = "EACCES EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR ESTALE"  # of every path
_WRITE = "EDQUOT EFBIG EINTR EIO ENOSPC EPERM ESTALE ETIMEDOUT"
_READ = "EINTR EIO EISDIR ENODATA EPERM ESTALE ETIMEDOUT"
_ENTRY = f"{_WALK} EDQUOT EEXIST ENOSPC EPERM EROFS ETIMEDOUT"  # of every entry that is made
_THREAD = "EAGAIN ENOMEM EPERM ENOSYS"

ERRORS = {
    "openat": f"{_ENTRY} EBUSY EFBIG EINTR EISDIR EMFILE ENFILE ENODEV ENXIO EOPNOTSUPP EOVERFLOW ETXTBSY EAGAIN",
    "close": "EDQUOT EINTR EIO ENOSPC",
    "read": _READ,
    "pread64": f"{_READ} ENXIO EOVERFLOW ESPIPE",
    "write": f"{_WRITE} EAGAIN EPIPE",
    "pwrite64": f"{_WRITE} ENXIO EOVERFLOW ESPIPE",
    "lseek": "ENXIO EOVERFLOW ESPIPE",
    "ftruncate": "EFBIG EINTR EIO EPERM EROFS ETXTBSY EINVAL",
    "fallocate": "EFBIG EINTR EIO ENODEV ENOSPC ENOSYS EOPNOTSUPP EPERM EDQUOT EINVAL",
    "fchmod": "EIO ENOMEM EPERM EROFS EACCES ESTALE",
    "fchmodat": f"{_WALK} EOPNOTSUPP EPERM EROFS",
    "fchmodat2": f"{_WALK} EOPNOTSUPP EPERM EROFS ENOSYS",
    "utimensat": f"{_WALK} EPERM EROFS ENOSYS",
    "fsync": "EDQUOT EINTR EINVAL EIO ENOSPC EROFS ESTALE",
    "syncfs": "EDQUOT EIO ENOSPC ENOSYS EINTR",
    "fstat": "EIO ENOMEM EOVERFLOW ESTALE",
    "newfstatat": f"{_WALK} EOVERFLOW",
    "statx": f"{_WALK} ENOSYS",
    "statfs": f"{_WALK} EINTR ENOSYS EOVERFLOW",
    "fstatfs": "EINTR EIO ENOMEM ENOSYS EOVERFLOW ESTALE",
    "faccessat": f"{_WALK} EPERM EROFS ETXTBSY",
    "faccessat2": f"{_WALK} EPERM EROFS ETXTBSY ENOSYS",
    "mkdirat": f"{_ENTRY} EMLINK",
    "symlinkat": _ENTRY,
    "linkat": f"{_ENTRY} EMLINK EXDEV EOPNOTSUPP",
    "renameat": f"{_ENTRY} EBUSY EINVAL EISDIR EMLINK ENOTEMPTY EXDEV",
    "renameat2": f"{_ENTRY} EBUSY EINVAL EISDIR EMLINK ENOTEMPTY EXDEV ENOSYS",
    "unlinkat": f"{_WALK} EBUSY EEXIST EISDIR ENOTEMPTY EPERM EROFS ETIMEDOUT",
    "readlinkat": f"{_WALK} EINVAL",
    "readlink": f"{_WALK} EINVAL",
    "getdents64": "EIO EINVAL ENOENT ENOTDIR EINTR ESTALE",
    "fcntl": "EACCES EAGAIN EPERM",  # the flags of a descriptor, which a security module may refuse
    "ioctl": "EACCES EDQUOT EINVAL EIO EISDIR ENOSPC ENOTTY EOPNOTSUPP EPERM ETXTBSY EXDEV",
    "quotactl_fd": "EACCES EIO ENOSYS ENOTBLK EOPNOTSUPP EPERM ESRCH ERANGE EINVAL",
    "landlock_create_ruleset": "E2BIG EINVAL ENOMSG ENOSYS EOPNOTSUPP EPERM EMFILE",
    "landlock_add_rule": "EBADFD EINVAL ENOMSG EOPNOTSUPP EPERM ENOMEM",
    "landlock_restrict_self": "E2BIG EINVAL EOPNOTSUPP EPERM ENOMEM",
    "prctl": "EACCES EINVAL EPERM",
    "prlimit64": "EINVAL EPERM ESRCH ENOSYS",
    "getrlimit": "EINVAL EPERM",
    "setrlimit": "EINVAL EPERM",
    "getrandom": "EAGAIN EINTR ENOSYS",
    "sched_getaffinity": "EINVAL EPERM ESRCH ENOSYS",  # EINVAL: more processors than were asked for
    "mmap": "EAGAIN ENOMEM EPERM",
    "munmap": "ENOMEM",
    "mprotect": "EACCES ENOMEM",
    "madvise": "EAGAIN EINVAL ENOMEM",
    "clone3": f"{_THREAD} ENOSPC EUSERS",
    "clone": f"{_THREAD} ENOSPC EUSERS",
    "clock_nanosleep": "EINTR",
}

# Calls that have no error to give, or whose error no program can meet, and why.
EXEMPT = {
    "brk": "answers with the break that there is, never with an error; out_of_memory fails every allocation",
    "futex": "glibc's own locks; the errors of a right call tell only that the value has changed",
    "exit": "does not return",
    "exit_group": "does not return",
    "getegid": "cannot fail",
    "geteuid": "cannot fail",
    "getgid": "cannot fail",
    "getpid": "cannot fail",
    "gettid": "cannot fail",
    "getuid": "cannot fail",
    "rseq": "no kernel answers a later thread otherwise than the first, and the C library ends a program where one does",
    "rt_sigaction": "fails for wrong arguments only",
    "rt_sigprocmask": "fails for wrong arguments only",
    "rt_sigreturn": "does not return",
    "sched_yield": "cannot fail",
    "set_robust_list": "fails for wrong arguments only",
    "uname": "fails for wrong arguments only",
}
