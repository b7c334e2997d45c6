#include "runtime/launcher/settings.hpp"

#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

/// First existing path of "A|B|C"; nullptr when none exists.
const char* first_existing(View list, View root) {
  for (View part; next_part(&list, '|', &part);) {
    const char* path = with_root(part.trimmed(), root);
    if (access(path, 4) == 0) return path;
  }
  return nullptr;
}

}  // namespace

Settings read_settings(const char* file, View root, char** envp) {
  Settings out;
  out.envp = envp;
  const Mapping text = map_file(file);
  if (!text) return out;

  size_t lines = 1, count = 0;
  for (size_t i = 0; i < text.size; ++i) lines += text.data[i] == '\n';
  while (envp[count] != nullptr) ++count;
  out.envp = static_cast<char**>(allocate((count + lines + 1) * sizeof(char*)));
  for (size_t i = 0; i < count; ++i) out.envp[i] = envp[i];

  View rest = text.text();
  for (View line; next_part(&rest, '\n', &line);) {
    line = line.trimmed();
    if (line == "@no-driver") out.wants_driver = false;
    if (line.begins_with("@arguments ")) out.arguments = line.from(11);
    if (!line.empty() && line[0] == '@') continue;
    const size_t at = line.index_of('=');
    if (line.empty() || line[0] == '#' || at == 0 || at == line.size) continue;
    const View name = line.first(at);
    View value = line.from(at + 1);
    if (variable(out.envp, name) != nullptr) continue;
    const char* chosen = !value.empty() && value[0] == '?' ? first_existing(value.from(1), root)
                                                           : with_root(value, root);
    if (chosen != nullptr) out.envp[count++] = joined({name, "=", chosen});
  }
  return out;
}

}  // namespace eb::launcher
