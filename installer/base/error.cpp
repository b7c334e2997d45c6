#include "installer/base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "installer/base/utf8.hpp"

namespace eb {

Error::Error(ExitCode code, std::string what) : code_(code), what_(std::move(what)) {}

Error& Error::where(std::string text) & {
  where_ = std::move(text);
  return *this;
}

Error& Error::why(std::string text) & {
  why_ = std::move(text);
  return *this;
}

Error& Error::hint(std::string text) & {
  hints_.push_back(std::move(text));
  return *this;
}

std::string printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  // Nearly every text is plain ASCII, and an index holds a hundred thousand paths.
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
  if (is_plain) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_sequence_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 controls (U+0080–U+009F) drive some terminals as C0 does.
    const bool is_c1 =
        length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (length == 0 || byte < 0x20 || byte == 0x7F || is_c1) {
      for (size_t k = 0; k < (is_c1 ? 2u : 1u); ++k) {
        const auto b = static_cast<unsigned char>(text[i + k]);
        out += {'\\', 'x', kHex[b >> 4], kHex[b & 15]};
      }
      i += is_c1 ? 2 : 1;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
  return out;
}

std::string render_error(std::string_view program, const Error& error) {
  std::string out;
  out.append(program).append(": error: ").append(printable(error.what())).append("\n");
  const auto line = [&out](const char* label, const std::string& text) {
    if (!text.empty()) out.append(label).append(printable(text)).append("\n");
  };
  line("  where: ", error.where());
  line("  why:   ", error.why());
  for (const std::string& hint : error.hints()) line("  hint:  ", hint);
  return out;
}

Error system_error(int errno_value, std::string what, std::string where) {
  ExitCode code = ExitCode::kIo;
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      code = ExitCode::kNoSpace;
      break;
    case EACCES:
    case EPERM:
      code = ExitCode::kPermission;
      break;
    case EROFS:
      code = ExitCode::kUnsupportedFs;
      break;
    default:
      break;
  }
  const char* name = strerrorname_np(errno_value);
  Error out = Error(code, std::move(what))
                  .where(std::move(where))
                  .why(std::string(strerrordesc_np(errno_value) ? strerrordesc_np(errno_value)
                                                                : "unknown") +
                       " (" + (name ? name : std::to_string(errno_value)) + ")")
                  .cause(errno_value);
  if (errno_value == ESTALE) {
    out.hint(
        "the server no longer knows what was open: another machine removed or exchanged it, or the "
        "server was set up anew; if the same command says so again, have the mount renewed");
  }
  return out;
}

}  // namespace eb
