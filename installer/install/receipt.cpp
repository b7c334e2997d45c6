#include "installer/install/receipt.hpp"

#include "installer/base/utc_text.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr std::string_view kFirstLine = "envinstall receipt 1";

}  // namespace

std::string encode_receipt(const Receipt& receipt) {
  std::string out(kFirstLine);
  const auto line = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out.append("\n").append(key).append(" ").append(value);
  };
  line("id", receipt.id);
  line("nonce", receipt.nonce);
  line("name", receipt.name);
  line("counter", std::to_string(receipt.counter));
  line("epoch", std::to_string(receipt.epoch));
  line("installed", std::to_string(receipt.installed));
  line("installed-utc", utc_text(receipt.installed));
  line("installer", receipt.installer);
  line("signer", receipt.signer);
  line("trust", receipt.trust);
  return out + "\n";
}

std::optional<Receipt> parse_receipt(const std::string& text) {
  const std::vector<std::string> lines = lines_of(text);
  if (lines.empty() || lines[0] != kFirstLine) return std::nullopt;
  Receipt out;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t blank = lines[i].find(' ');
    if (blank == std::string::npos) continue;
    const std::string key = lines[i].substr(0, blank);
    const std::string value = lines[i].substr(blank + 1);
    const uint64_t number = parse_number(value).value_or(0);
    if (key == "id") out.id = value;
    if (key == "nonce") out.nonce = value;
    if (key == "name") out.name = value;
    if (key == "counter") out.counter = number;
    if (key == "epoch") out.epoch = static_cast<int64_t>(number);
    if (key == "installed") out.installed = static_cast<int64_t>(number);
    if (key == "installer") out.installer = value;
    if (key == "signer") out.signer = value;
    if (key == "trust") out.trust = value;
  }
  return out;
}

std::optional<Receipt> read_receipt(Sys& sys, int dir, const std::string& release) {
  const auto text = read_small_file(sys, dir, release + "/" + kBundleDir + "/" + kReceiptFile);
  return text ? parse_receipt(*text) : std::nullopt;
}

}  // namespace eb
