#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "bundler/fetch/transfer.hpp"
#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kCopyBuffer = size_t{1} << 20;

std::string size_problem(uint64_t has, uint64_t wanted) {
  return "has a file of " + std::to_string(has) + " bytes, the lock says " + std::to_string(wanted);
}

}  // namespace

// Copied, never linked: a link would let a later write to the original reach into the cache.
void Transfer::copy_local() {
  const std::filesystem::path path = *local_path(place());
  copy_failure_.reset();
  partial_->discard();
  assembled_ = false;
  first_bytes_.clear();
  const auto fail = [this](FailureKind kind, std::string answer) {
    copy_failure_ =
        PlaceAnswer{.url = shown_url(place()), .answer = std::move(answer), .kind = kind};
  };
  Sys& sys = real_sys();
  const int raw = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  if (raw == -ENOENT || raw == -ENOTDIR) {
    return fail(FailureKind::kGone, "no such file");
  }
  if (raw < 0) return fail(FailureKind::kRefused, system_error(-raw, "", "").why());
  const Fd fd(sys, raw);
  struct stat info {};
  if (const int r = sys.fstat(fd.get(), &info); r < 0 || !S_ISREG(info.st_mode)) {
    return fail(FailureKind::kRefused, "is not a regular file");
  }
  if (static_cast<uint64_t>(info.st_size) != request_.size_bytes) {
    return fail(FailureKind::kMismatch,
                size_problem(static_cast<uint64_t>(info.st_size), request_.size_bytes));
  }
  std::vector<std::byte> buffer(kCopyBuffer);
  while (true) {
    size_t got = 0;
    try {
      got = read_up_to(sys, fd.get(), buffer.data(), buffer.size(), path.string());
    } catch (const Error& error) {
      return fail(FailureKind::kRefused, "cannot be read: " + error.why());
    }
    if (got == 0) break;
    if (got > request_.size_bytes - partial_->size_bytes()) {
      return fail(FailureKind::kMismatch, "grew while it was read");
    }
    partial_->append(Bytes(buffer).first(got));
  }
  if (partial_->size_bytes() != request_.size_bytes) {
    return fail(FailureKind::kMismatch, size_problem(partial_->size_bytes(), request_.size_bytes));
  }
  const Sha256 got = partial_->digest();
  if (got != request_.digest) {
    fail(FailureKind::kMismatch, "expected sha256 " + request_.digest.hex() + ", got " + got.hex());
  }
}

TransferStep Transfer::copy_done() {
  if (!copy_failure_) return TransferStep::kAdopt;
  partial_->discard();
  events_.on(Note{request_.label + ": " + copy_failure_->url + ": " + copy_failure_->answer});
  answers_.push_back(*copy_failure_);
  ++place_;
  return begin_place();
}

}  // namespace eb
