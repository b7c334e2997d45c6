// The launcher: README.md beside this file says what it promises.

#include <linux/auxvec.h>

#include "runtime/launcher/compat.hpp"
#include "runtime/launcher/driver.hpp"
#include "runtime/launcher/glibc.hpp"
#include "runtime/launcher/locate.hpp"
#include "runtime/launcher/settings.hpp"
#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

Process read_process(long* stack) {
  Process out;
  out.argc = stack[0];
  out.argv = reinterpret_cast<char**>(stack + 1);
  out.envp = out.argv + out.argc + 1;
  char** end = out.envp;
  while (*end != nullptr) ++end;
  for (auto* aux = reinterpret_cast<const unsigned long*>(end + 1); aux[0] != AT_NULL; aux += 2) {
    if (aux[0] == AT_EXECFN) out.execfn = reinterpret_cast<const char*>(aux[1]);
    if (aux[0] == AT_SECURE) out.secure = aux[1] != 0;
  }
  return out;
}

/// Options of a script's first line ("#!python -Es"), and whether a Python shall run it.
struct Script {
  bool is_script = false;
  View options;
};

Script read_script(const char* file) {
  Script out;
  const long fd = open(file, O_RDONLY);
  if (fd < 0) fail("cannot open the program", file, -fd);
  char* const head = static_cast<char*>(allocate(512));
  const long got = read(fd, head, 512);
  close(fd);
  if (got < 0) fail("cannot read the program", file, -got);
  const View text(head, static_cast<size_t>(got));
  if (text.begins_with("\177ELF")) return out;
  out.is_script = true;
  if (!text.begins_with("#!")) return out;
  const View line = text.first(text.index_of('\n'));
  const size_t at = line.index_of('-');
  if (at > 0 && at < line.size && line[at - 1] == ' ') out.options = line.from(at).trimmed();
  return out;
}

/// A growing list of arguments; `room` is fixed at the start.
struct Arguments {
  char** list;
  size_t count = 0;

  explicit Arguments(size_t room)
      : list(static_cast<char**>(allocate((room + 1) * sizeof(char*)))) {}
  void add(const char* text) { list[count++] = const_cast<char*>(text); }
  void add_words(View words) {
    for (View word; next_part(&words, ' ', &word);) {
      if (!word.empty()) add(joined({word}));
    }
  }
};

/// The interpreter that runs a script of the release: bin/python3, by its own name.
Program python_of(const Program& script) {
  long error = 0;
  const char* path = real_path(joined({script.root, "/bin/python3"}), &error);
  if (path == nullptr) {
    fail("the release has no Python for this script", joined({script.root, "/bin/python3"}), error);
  }
  Program out = script;
  out.self = path;
  const size_t skip = View(script.root).size + 1;
  out.name = View(path).begins_with(joined({script.root, "/"})) ? path + skip : path;
  out.real = joined({script.root, "/libexec/real/", out.name});
  return out;
}

[[noreturn]] void launch(const Process& process) {
  Program program = find_program(process);
  const char* argv0 = choose_argv0(process, program);
  const Script script = read_script(program.real);
  const char* script_path = program.real;
  if (script.is_script) {
    program = python_of(program);
    argv0 = program.self;
  }
  const View root(program.root);
  if (root.contains(":") || root.contains(";")) {
    // ld.so has no way to quote them in --library-path.
    fail("the prefix must not have ':' or ';' in its path", root, 0);
  }
  const char* notes = joined({root, "/libexec/launch/", program.name});
  const Settings settings = read_settings(joined({notes, ".env"}), root, process.envp);
  const Loader loader = choose_loader(root, process.envp);
  const Compat compat =
      settings.wants_driver ? find_compat(root, process.envp, !process.secure) : Compat{};
  const char* driver =
      settings.wants_driver ? find_driver(loader, process.envp, !process.secure) : nullptr;
  const char* libraries =
      joined({loader.host ? "" : loader.library, loader.host ? "" : ":", root, "/lib/", kMultiarch,
              compat.folder == nullptr ? "" : ":", compat.folder == nullptr ? "" : compat.folder,
              driver == nullptr ? "" : ":", driver == nullptr ? "" : driver});

  Arguments arguments(static_cast<size_t>(process.argc) + script.options.size +
                      settings.arguments.size + 10);
  arguments.add(argv0);
  for (const char* text : {"--library-path", libraries, "--argv0", argv0, program.real}) {
    arguments.add(text);
  }
  arguments.add_words(settings.arguments);
  arguments.add_words(script.options);
  if (script.is_script) arguments.add(script_path);
  for (long i = 1; i < process.argc; ++i) arguments.add(process.argv[i]);

  // Started through a link of the program's name, so that ps, top and pgrep show that name and not
  // the loader's (the kernel takes it from the path given to execve).
  const char* path = !loader.host && access(notes, 1) == 0 ? notes : loader.path;
  const char* verbose = variable(process.envp, "ENVLAUNCH_VERBOSE");
  if (verbose != nullptr && !(View(verbose) == "")) {
    say("loader", {loader.path});
    say("libraries", {libraries});
    if (compat.why != nullptr) say("cuda-compat", {compat.why});
    say("argv0", {argv0});
    say("program", {script.is_script ? script_path : program.real});
  }
  const long error = execute(path, arguments.list, settings.envp);
  if (access(program.real, 0) < 0) fail("the program is missing", program.real, ENOENT);
  fail("cannot start the loader", path, -error);
}

}  // namespace
}  // namespace eb::launcher

extern "C" [[noreturn]] void launcher_start(long* stack) {
  eb::launcher::launch(eb::launcher::read_process(stack));
}

#if defined(__x86_64__)
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
    "\tcall launcher_start\n\tud2\n");
#else
asm(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl launcher_start\n\tbrk #0\n");
#endif
