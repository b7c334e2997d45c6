#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// What both programs end with. The numbers are an interface (README, "Exit codes"): scripts branch
/// on them, so a value is never reused. A process ended by signal N exits with 128+N instead.
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kWouldChange = 3,        ///< --check: nothing is wrong, and an install would change something
  kMalformed = 10,         ///< the bundle breaks a rule of FORMAT.md
  kUntrusted = 11,         ///< no acceptable signature, or a trust file that must not be believed
  kPolicy = 12,            ///< expired, older than what is installed, wrong architecture, licence
  kDigestMismatch = 13,    ///< bytes are not the bytes that were signed
  kNoSpace = 20,           ///< space, inodes or quota
  kIo = 21,                ///< the system refused or failed an operation
  kBusy = 22,              ///< another process holds the prefix
  kUnsupportedFs = 23,     ///< the file system cannot do what an install needs
  kPermission = 24,        ///< may not write there
  kDriver = 30,            ///< NVIDIA driver missing or too old
  kSmokeTest = 31,         ///< the GPU smoke test failed
  kNetwork = 50,           ///< nothing more could be obtained from any source
  kDownloadMismatch = 51,  ///< a download is not what the lock names
  kInvalidLock = 52,       ///< manifest or lock invalid
  kConflict = 53,          ///< two artifacts bring the same path with different content
  kUnresolvable = 54,      ///< no set of versions satisfies the manifest
};

/// The one error of the project. It ends an operation and says, in this order: what happened,
/// where, why, and what to do next (hints). `what` is lower case without a final period and fits
/// one line; `where` names a file, byte range, path or URL; `why` holds expected and actual value
/// or the system's reason. Functions on the way up add hints or a `where` that they alone know, and
/// rethrow.
class Error : public std::exception {
 public:
  Error(ExitCode code, std::string what);

  Error& where(std::string text) &;
  Error& why(std::string text) &;
  Error& hint(std::string text) &;
  Error&& where(std::string text) && { return std::move(where(std::move(text))); }
  Error&& why(std::string text) && { return std::move(why(std::move(text))); }
  Error&& hint(std::string text) && { return std::move(hint(std::move(text))); }

  /// The errno of the call that failed; 0 = it was none.
  Error&& cause(int errno_value) && {
    cause_ = errno_value;
    return std::move(*this);
  }

  ExitCode code() const noexcept { return code_; }
  int cause() const noexcept { return cause_; }
  const char* what() const noexcept override { return what_.c_str(); }
  const std::string& where() const noexcept { return where_; }
  const std::string& why() const noexcept { return why_; }
  const std::vector<std::string>& hints() const noexcept { return hints_; }

 private:
  ExitCode code_;
  int cause_ = 0;
  std::string what_;
  std::string where_;
  std::string why_;
  std::vector<std::string> hints_;
};

/// The text of DESIGN §3: `PROGRAM: error: WHAT`, then indented where/why/hint lines; ends with a
/// newline. Control characters in outside text are shown as `\xNN`, so that a hostile name cannot
/// drive a terminal.
std::string render_error(std::string_view program, const Error& error);

/// An Error for a failed system call. The code follows errno: ENOSPC/EDQUOT → kNoSpace,
/// EACCES/EPERM → kPermission, EROFS → kUnsupportedFs, everything else → kIo. `why` is the system's
/// text and errno name, cause() the number. ESTALE, which ReopeningSys could not get over, brings
/// its hint.
Error system_error(int errno_value, std::string what, std::string where);

/// Replaces control characters and invalid UTF-8 by `\xNN`.
std::string printable(std::string_view text);

}  // namespace eb
