#include "runtime/envrun/core/session.hpp"

namespace eb {

Variables Session::program_variables() const {
  Variables variables = world.variables;
  variables.prepend("PATH", place.at("bin"));
  variables.set("ENVBUNDLE_PREFIX", place.release);
  variables.set("PYTHONNOUSERSITE", "1");
  variables.unset("PYTHONHOME");
  return variables;
}

Program Session::program(std::vector<std::string> arguments) const {
  Program out{.path = {}, .arguments = std::move(arguments), .variables = program_variables()};
  out.path = find_program(world.sys, out.arguments.at(0), out.variables.get("PATH"));
  return out;
}

}  // namespace eb
