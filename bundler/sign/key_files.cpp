#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>

#include "bundler/sign/key_pair.hpp"
#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

// OpenSSH pads an unencrypted private section to multiples of 8 with 1, 2, 3, … (PROTOCOL.key §3).
constexpr size_t kBlockSize = 8;
constexpr size_t kLineSize = 70;

void create_file(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  const std::string where = path.string();
  Fd fd = create_at(real_sys(), AT_FDCWD, path.c_str(), mode, where);
  try {
    write_all(real_sys(), fd.get(), as_bytes(text), where);
    if (const int r = real_sys().fsync(fd.get()); r < 0) {
      throw system_error(-r, "cannot sync", where);
    }
    close_written(real_sys(), std::move(fd), where);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace

KeyFiles encode_key_files(const KeyPair& key, const std::string& comment) {
  std::array<std::byte, 4> check{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(check.data()), check.size()) != 1) {
    throw Error(ExitCode::kInternal, "cannot get random bytes");
  }
  const SshPublicKey public_key = key.public_key();
  SshWriter section;
  section.raw(Bytes(check));
  section.raw(Bytes(check));
  section.string(key.type());
  section.raw(key.private_fields());
  section.string(comment);
  for (uint8_t i = 1; section.size() % kBlockSize != 0; ++i) section.u8(i);

  SshWriter file;
  file.raw(std::string_view("openssh-key-v1\0", 15));
  file.string("none");
  file.string("none");
  file.string("");
  file.u32(1);
  file.string(public_key.wire);
  file.string(section.data());

  const std::string body = base64_encode(file.data(), true);
  std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (size_t at = 0; at < body.size(); at += kLineSize) {
    text += body.substr(at, kLineSize) + "\n";
  }
  text += "-----END OPENSSH PRIVATE KEY-----\n";
  return {std::move(text),
          public_key.authorized_line() + (comment.empty() ? "" : " " + comment) + "\n"};
}

SshPublicKey write_new_key(const std::filesystem::path& file, std::string_view type,
                           const std::string& comment) {
  if (printable(comment) != comment) {
    throw Error(ExitCode::kUsage, "a comment cannot hold control characters")
        .where("'" + comment + "'");
  }
  const std::filesystem::path public_file = file.string() + ".pub";
  for (const auto& path : {file, public_file}) {
    if (std::filesystem::exists(std::filesystem::symlink_status(path))) {
      throw Error(ExitCode::kUsage, "there is a file already")
          .where(path.string())
          .why("a key that is overwritten is lost, and with it the trust in what it signed")
          .hint("choose another name, or move the old one away");
    }
  }
  const KeyPair key = KeyPair::generate(type);
  const KeyFiles files = encode_key_files(key, comment);
  create_file(file, files.private_text, 0600);
  try {
    create_file(public_file, files.public_text, 0644);
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
  return key.public_key();
}

}  // namespace eb
