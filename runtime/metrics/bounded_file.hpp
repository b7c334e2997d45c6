#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace eb::metrics {

/// The content of a file of /proc, /sys or a release, cut at `limit` bytes; nullopt when it cannot
/// be read.
std::optional<std::string> read_text(const std::string& path, size_t limit);

/// A regular file that somebody else may have put there.
struct StrangeFile {
  std::string problem;  ///< why it was not read, a word for a label; empty: it was
  std::string content;
  double modified = 0;  ///< seconds since 1970
};

/// Reads `name` in the directory `folder_fd` only if it is a regular file (no symlink is followed,
/// no FIFO waited for) of the user `owner`, of at most `limit` bytes. problem: "unreadable",
/// "not_a_file", "foreign_owner", "too_big".
StrangeFile read_strange_file(int folder_fd, const std::string& name, unsigned owner, size_t limit);

/// The number that `text` begins with, after blanks; nullopt when there is none.
std::optional<double> leading_number(std::string_view text);

}  // namespace eb::metrics
