#pragma once

#include <dlfcn.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#define EB_FAKE_EXPORT extern "C" __attribute__((visibility("default")))

/// Steers the fake GPU libraries by the environment variable FAKE_CUDA (or NVIDIA_FAKE_CUDA, a name
/// that envinstall passes on to its children), entries separated by commas: "FUNCTION=CODE" (it
/// answers so), "hang=FUNCTION", "crash=FUNCTION", "wrong=FUNCTION" (it
/// computes wrongly), and numbers such as "devices=2". "KEY@GPU=…" holds for one GPU only.
namespace eb::fake {

/// The GPU that the fake runtime has made current; 0 when it is not loaded.
inline int current_gpu() {
  void* const runtime = dlopen("libcudart.so.12", RTLD_LAZY | RTLD_NOLOAD);
  if (runtime == nullptr) return 0;
  auto* const ask = reinterpret_cast<int (*)(int*)>(dlsym(runtime, "cudaGetDevice"));
  int gpu = 0;
  if (ask != nullptr) ask(&gpu);
  dlclose(runtime);
  return gpu;
}

/// True when "KEY=VALUE" stands there; `*value` is set for every entry with this key.
inline bool entry(std::string_view key, std::string_view wanted, int* value) {
  const char* text = getenv("FAKE_CUDA");
  if (text == nullptr) text = getenv("NVIDIA_FAKE_CUDA");
  std::string_view rest = text != nullptr ? text : "";
  bool found = false;
  while (!rest.empty()) {
    const size_t end = rest.find(',');
    const std::string_view part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view content = part.substr(equals + 1);
    if (part.substr(0, equals) != key || (!wanted.empty() && content != wanted)) continue;
    if (value != nullptr) std::from_chars(content.data(), content.data() + content.size(), *value);
    found = true;
  }
  return found;
}

inline int number(const std::string& key, int otherwise) {
  int value = otherwise;
  entry(key, {}, &value);
  entry(key + "@" + std::to_string(current_gpu()), {}, &value);
  return value;
}

/// What `function` shall answer, 0 if nothing special; does not come back if it shall hang or
/// crash.
inline int answer(const char* function) {
  if (entry("hang", function, nullptr)) {
    while (true) pause();
  }
  if (entry("crash", function, nullptr)) raise(SIGSEGV);
  return number(function, 0);
}

inline bool is_wrong(const char* function) { return entry("wrong", function, nullptr); }

}  // namespace eb::fake
