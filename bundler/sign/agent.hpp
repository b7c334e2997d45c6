#pragma once

#include <memory>
#include <string>

#include "bundler/sign/signing_key.hpp"

namespace eb {

/// The key `wanted` as the ssh-agent at `socket` holds it (OpenSSH PROTOCOL.agent; RFC draft
/// ietf-sshm-ssh-agent). `name` is the key file's, for messages. Throws Error(kUntrusted) when
/// there is no agent or it has not the key.
std::unique_ptr<SigningKey> agent_key(const std::string& socket, const SshPublicKey& wanted,
                                      const std::string& name);

}  // namespace eb
