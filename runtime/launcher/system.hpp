#pragma once

// Linux without a C library: the launcher runs before any libc has been chosen, on hosts that may
// have none. Numbers and structures come from the kernel's own headers.

#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include <cstddef>
#include <cstdint>

namespace eb::launcher {

#if defined(__x86_64__)
inline constexpr const char* kMultiarch = "x86_64-linux-gnu";
inline constexpr const char* kLoaderName = "ld-linux-x86-64.so.2";
inline constexpr const char* kHostLoader = "/lib64/ld-linux-x86-64.so.2";
inline constexpr uint16_t kElfMachine = 62;      // EM_X86_64
inline constexpr uint32_t kCacheFlags = 0x0303;  // FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
#elif defined(__aarch64__)
inline constexpr const char* kMultiarch = "aarch64-linux-gnu";
inline constexpr const char* kLoaderName = "ld-linux-aarch64.so.1";
inline constexpr const char* kHostLoader = "/lib/ld-linux-aarch64.so.1";
inline constexpr uint16_t kElfMachine = 183;     // EM_AARCH64
inline constexpr uint32_t kCacheFlags = 0x0a03;  // FLAG_AARCH64_LIB64 | FLAG_ELF_LIBC6
#else
#error "the launcher knows x86_64 and aarch64"
#endif

inline constexpr size_t kPathMax = 4096;

inline long syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                    long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#else
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#endif
}

template <typename T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

using Stat = struct ::stat;

inline constexpr uint32_t kTypeMask = 0170000, kRegular = 0100000, kDirectory = 0040000;
inline constexpr int kFollow = 0;

// Each returns what the kernel returns: >= 0, or -errno.
inline long open(const char* path, int flags) {
  return syscall(__NR_openat, AT_FDCWD, word(path), flags | O_CLOEXEC);
}
inline long close(long fd) { return syscall(__NR_close, fd); }
inline long read(long fd, void* to, size_t size) {
  return syscall(__NR_read, fd, word(to), static_cast<long>(size));
}
inline long write(long fd, const void* from, size_t size) {
  return syscall(__NR_write, fd, word(from), static_cast<long>(size));
}
inline long stat(const char* path, Stat* out, int flags = kFollow) {
#if defined(__NR_newfstatat)
  return syscall(__NR_newfstatat, AT_FDCWD, word(path), word(out), flags);
#else
  return syscall(__NR3264_fstatat, AT_FDCWD, word(path), word(out), flags);
#endif
}
inline long access(const char* path, int mode) {
  return syscall(__NR_faccessat, AT_FDCWD, word(path), mode);
}
inline long readlink(const char* path, char* to, size_t size) {
  return syscall(__NR_readlinkat, AT_FDCWD, word(path), word(to), static_cast<long>(size));
}
inline long mkdir(const char* path, int mode) {
  return syscall(__NR_mkdirat, AT_FDCWD, word(path), mode);
}
inline long symlink(const char* target, const char* path) {
  return syscall(__NR_symlinkat, word(target), AT_FDCWD, word(path));
}
inline long rename(const char* from, const char* to) {
#if defined(__NR_renameat)
  return syscall(__NR_renameat, AT_FDCWD, word(from), AT_FDCWD, word(to));
#else
  return syscall(__NR_renameat2, AT_FDCWD, word(from), AT_FDCWD, word(to), 0);
#endif
}
inline long unlink(const char* path, int flags = 0) {
  return syscall(__NR_unlinkat, AT_FDCWD, word(path), flags);
}
inline long list(long fd, void* to, size_t size) {
  return syscall(__NR_getdents64, fd, word(to), static_cast<long>(size));
}
inline long current_directory(char* to, size_t size) {
  return syscall(__NR_getcwd, word(to), static_cast<long>(size));
}
inline uint32_t effective_user() { return static_cast<uint32_t>(syscall(__NR_geteuid)); }
inline long process_id() { return syscall(__NR_getpid); }
inline long execute(const char* path, char* const* argv, char* const* envp) {
  return syscall(__NR_execve, word(path), word(argv), word(envp));
}
[[noreturn]] inline void leave(int status) {
  for (;;) syscall(__NR_exit_group, status);
}

}  // namespace eb::launcher
