#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "installer/base/file.hpp"
#include "installer/base/sys.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

/// Where a bundle's bytes come from.
class BundleSource {
 public:
  virtual ~BundleSource() = default;

  /// For messages.
  const std::string& name() const { return name_; }
  /// Size of the file; nullopt for a stream.
  virtual std::optional<uint64_t> size_bytes() const = 0;
  /// True when bytes can only be had in order, by one thread at a time.
  virtual bool is_stream() const = 0;
  /// Fills `out` from byte `offset` on; returns how many bytes there were. A stream demands that
  /// `offset` is where the last read ended. Throws Error (kIo with the byte range).
  virtual size_t read_at(uint64_t offset, std::span<std::byte> out) = 0;

 protected:
  explicit BundleSource(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

/// A regular file; anything else is Error(kUsage) (F025), as is a name that is not there. Reads may
/// be made by many threads at once.
std::unique_ptr<BundleSource> open_bundle_file(Sys& sys, const std::string& path);

/// An open descriptor that stays the caller's, read in order. While it waits for bytes, a stop
/// request ends it.
std::unique_ptr<BundleSource> open_bundle_stream(Sys& sys, int fd, const StopFlag& stop);

/// "NAME, bytes FROM-TO".
std::string range_text(const BundleSource& source, uint64_t offset, uint64_t size);

}  // namespace eb
