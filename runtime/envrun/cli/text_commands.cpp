#include "runtime/envrun/cli/text_commands.hpp"

#include <memory>

#include "runtime/envrun/cli/described.hpp"

namespace eb {

Action add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "which shell's")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(
      "For this shell alone: source <(envrun completion bash), in fish: envrun completion fish | "
      "source.");
  return [shell](Session& session) {
    session.world.out << completion_script(described_envrun(), *shell);
    return 0;
  };
}

Action add_man(CLI::App&) {
  return [](Session& session) {
    session.world.out << manual_page(described_envrun());
    return 0;
  };
}

}  // namespace eb
