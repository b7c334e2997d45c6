#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// Reads a squashfs and compares it with what was signed. The image comes from outside: whatever
/// stands in it, reading ends with a difference or an Error. Safe for many threads at once, each
/// with its own Content.
class ImageReader {
 public:
  /// Reads the tables. `fd` stays the caller's. Throws Error, kDigestMismatch for what is no image.
  ImageReader(Sys& sys, int fd, const std::string& where);
  ~ImageReader();
  ImageReader(const ImageReader&) = delete;
  ImageReader& operator=(const ImageReader&) = delete;

  /// What differs from the index in names, types, modes, sizes and link targets.
  struct Finding {
    std::string path;
    std::string detail;  ///< as words; "not there", "added"
  };
  std::vector<Finding> compare(const Index& index) const;

  /// One thread's way to the content of files.
  class Content {
   public:
    explicit Content(const ImageReader& image);
    ~Content();
    /// Hands the file to `take` piece by piece. Throws Error; kDigestMismatch also where the image
    /// has no such file.
    void read(const RelPath& path, const std::function<void(Bytes)>& take);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
