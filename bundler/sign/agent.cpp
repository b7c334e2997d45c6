#include "bundler/sign/agent.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/format/ssh_wire.hpp"

namespace eb {
namespace {

constexpr uint8_t kRequestIdentities = 11;
constexpr uint8_t kIdentitiesAnswer = 12;
constexpr uint8_t kSignRequest = 13;
constexpr uint8_t kSignResponse = 14;
constexpr uint32_t kMaxAnswer = 256u << 10;
// An agent may ask a person to confirm.
constexpr time_t kTimeoutSeconds = 120;

class Agent {
 public:
  explicit Agent(const std::string& socket) : where_(socket) {
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    if (socket.size() >= sizeof address.sun_path) {
      throw system_error(ENAMETOOLONG, "cannot reach the ssh-agent", where_);
    }
    std::memcpy(address.sun_path, socket.data(), socket.size());
    fd_ = Fd(real_sys(), ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const struct timeval timeout { kTimeoutSeconds, 0 };
    if (!fd_ || ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        ::connect(fd_.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) !=
            0) {
      throw system_error(errno, "cannot reach the ssh-agent", where_);
    }
  }

  /// The answer's payload after its type byte; empty when the agent refuses.
  std::vector<std::byte> ask(Bytes request, uint8_t wanted) {
    SshWriter message;
    message.string(request);
    if (::send(fd_.get(), message.data().data(), message.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(message.size())) {
      throw system_error(errno, "cannot ask the ssh-agent", where_);
    }
    std::vector<std::byte> answer = receive(4);
    const uint32_t size = SshReader(answer).u32();
    if (size == 0 || size > kMaxAnswer) {
      throw Error(ExitCode::kIo, "the ssh-agent answers with nonsense").where(where_);
    }
    answer = receive(size);
    if (std::to_integer<uint8_t>(answer[0]) != wanted) return {};
    answer.erase(answer.begin());
    return answer;
  }

 private:
  std::vector<std::byte> receive(size_t size) {
    std::vector<std::byte> out(size);
    if (read_up_to(real_sys(), fd_.get(), out.data(), size, where_) != size) {
      throw Error(ExitCode::kIo, "the ssh-agent hung up").where(where_);
    }
    return out;
  }
  std::string where_;
  Fd fd_;
};

class AgentKey final : public SigningKey {
 public:
  AgentKey(std::string socket, SshPublicKey key, std::string comment)
      : SigningKey(std::move(key), std::move(comment)), socket_(std::move(socket)) {}

  std::vector<std::byte> sign(Bytes data) const override {
    SshWriter request;
    request.u8(kSignRequest);
    request.string(public_key().wire);
    request.string(data);
    request.u32(0);
    const std::vector<std::byte> answer = Agent(socket_).ask(request.data(), kSignResponse);
    SshReader reader(answer);
    const Bytes signature = reader.string();
    if (answer.empty() || !reader.ok()) {
      throw Error(ExitCode::kUntrusted, "the ssh-agent refuses to sign")
          .where(socket_)
          .why("key " + public_key().fingerprint());
    }
    return {signature.begin(), signature.end()};
  }

 private:
  std::string socket_;
};

}  // namespace

std::unique_ptr<SigningKey> agent_key(const std::string& socket, const SshPublicKey& wanted,
                                      const std::string& name) {
  const auto cannot = [&](std::string why) {
    return Error(ExitCode::kUntrusted, "the private key cannot be used")
        .where(name)
        .why(std::move(why))
        .hint("load it into an agent: eval \"$(ssh-agent)\" && ssh-add KEY")
        .hint("or make a key without a passphrase for this: envbundle keygen FILE");
  };
  if (socket.empty()) {
    throw cannot("it has a passphrase or is a public key, and SSH_AUTH_SOCK names no ssh-agent");
  }
  SshWriter request;
  request.u8(kRequestIdentities);
  const std::vector<std::byte> answer = Agent(socket).ask(request.data(), kIdentitiesAnswer);
  SshReader reader(answer);
  const uint32_t count = reader.u32();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    const Bytes wire = reader.string();
    const std::string comment(reader.text());
    if (reader.ok() &&
        std::equal(wire.begin(), wire.end(), wanted.wire.begin(), wanted.wire.end())) {
      return std::make_unique<AgentKey>(socket, wanted, comment);
    }
  }
  throw cannot("the ssh-agent at " + socket + " does not have key " + wanted.fingerprint());
}

}  // namespace eb
