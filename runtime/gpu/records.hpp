#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace eb::gpu {

/// What the check says, one record a line, to a descriptor of its own: libraries may print to
/// standard output as they like. The records are described in README.md. Every record is one
/// write(2), so nothing that was said is lost when the process dies.
class Records {
 public:
  /// The descriptor stays the caller's.
  explicit Records(int fd) : fd_(fd) {}

  void step(std::string_view name, int limit_seconds) const;
  /// `unit` is "-" for what has none.
  void figure(std::string_view key, std::string_view value, std::string_view unit = "-") const;
  void note(std::string_view text) const;
  void ok(double seconds) const;
  void skip(std::string_view reason) const;
  void fail(std::string_view api, int code, std::string_view text) const;
  /// A record of fields that are written as they are: "gpu", "map", "end".
  void write(std::initializer_list<std::string_view> fields) const;

 private:
  int fd_;
};

/// `value` with so many digits after the point; "nan" and "inf" for what is no number.
std::string decimal(double value, int digits);
/// Three significant digits with an exponent: 1.23e-07.
std::string scientific(double value);

}  // namespace eb::gpu
