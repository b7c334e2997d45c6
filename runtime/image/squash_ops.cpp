#include "runtime/image/squash_ops.hpp"

#define FUSE_USE_VERSION 32
extern "C" {
#include <squashfuse/ll.h>
}
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <new>

#include "installer/base/error.hpp"

namespace eb::image {
namespace {

sqfs_ll* g_image = nullptr;  // one session a process
fuse_session* g_session = nullptr;
std::mutex g_mutex;

// A reader of a thread's own on the same descriptor (pread).
struct OwnReader {
  sqfs fs{};
  bool is_open = false;
  ~OwnReader() {
    if (is_open) sqfs_destroy(&fs);
  }
  bool open() {
    if (!is_open) is_open = sqfs_init(&fs, g_image->fs.fd, 0) == SQFS_OK;
    return is_open;
  }
};

void read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* file) {
  SquashSession::requests().fetch_add(1, std::memory_order_relaxed);
  thread_local OwnReader reader;
  // What squashfuse's open put there: the inode, which nobody changes.
  auto* inode = reinterpret_cast<sqfs_inode*>(file->fh);
  const std::unique_ptr<char[]> buffer(new (std::nothrow) char[size]);
  if (!buffer || !reader.open()) {
    fuse_reply_err(request, ENOMEM);
    return;
  }
  auto length = static_cast<sqfs_off_t>(size);
  if (sqfs_read_range(&reader.fs, inode, offset, &length, buffer.get()) != SQFS_OK) {
    fuse_reply_err(request, EIO);
    return;
  }
  fuse_reply_buf(request, length == 0 ? nullptr : buffer.get(), static_cast<size_t>(length));
}

// squashfuse's own answer, one at a time.
template <auto kOperation, typename... Arguments>
void locked(fuse_req_t request, Arguments... arguments) {
  SquashSession::requests().fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(g_mutex);
  kOperation(request, arguments...);
}

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops out{};
  out.lookup = locked<sqfs_ll_op_lookup, fuse_ino_t, const char*>;
  out.forget = locked<sqfs_ll_op_forget, fuse_ino_t, unsigned long>;
  out.getattr = locked<sqfs_ll_op_getattr, fuse_ino_t, fuse_file_info*>;
  out.readlink = locked<sqfs_ll_op_readlink, fuse_ino_t>;
  out.open = locked<sqfs_ll_op_open, fuse_ino_t, fuse_file_info*>;
  out.read = read;
  out.release = locked<sqfs_ll_op_release, fuse_ino_t, fuse_file_info*>;
  out.opendir = locked<sqfs_ll_op_opendir, fuse_ino_t, fuse_file_info*>;
  out.readdir = locked<sqfs_ll_op_readdir, fuse_ino_t, size_t, off_t, fuse_file_info*>;
  out.releasedir = locked<sqfs_ll_op_releasedir, fuse_ino_t, fuse_file_info*>;
  out.statfs = locked<stfs_ll_op_statfs, fuse_ino_t>;
  return out;
}

}  // namespace

SquashSession::SquashSession(const std::string& image) {
  // squashfuse says itself, on stderr, what it cannot read.
  g_image = sqfs_ll_open(image.c_str(), 0);
  if (g_image == nullptr) {
    throw Error(ExitCode::kDigestMismatch, "the image cannot be read")
        .where(image)
        .hint("look what is wrong with it: envinstall verify PREFIX --full");
  }
}

SquashSession::~SquashSession() {
  if (g_session != nullptr) {
    fuse_session_unmount(g_session);
    fuse_session_destroy(g_session);
  }
  sqfs_ll_destroy(g_image);
}

void SquashSession::attach(int fuse_fd) {
  std::string name = "envimage";
  char* argv[] = {name.data(), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(1, argv);
  const fuse_lowlevel_ops ops = operations();
  g_session = fuse_session_new(&arguments, &ops, sizeof ops, g_image);
  const std::string point = "/dev/fd/" + std::to_string(fuse_fd);
  if (g_session == nullptr || fuse_session_mount(g_session, point.c_str()) != 0) {
    throw Error(ExitCode::kIo, "libfuse does not take the mount").where(point);
  }
}

void SquashSession::run() {
  fuse_loop_config config{};
  config.max_idle_threads = 10;
  fuse_session_loop_mt(g_session, &config);
}

std::atomic<uint64_t>& SquashSession::requests() {
  static std::atomic<uint64_t> count{0};
  return count;
}

}  // namespace eb::image
