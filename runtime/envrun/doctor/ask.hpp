#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eb {

/// A question whose answer may never come: a file system whose server is gone holds its caller in
/// the kernel, where no signal ends it. It runs in a child of its own, writes its answer to the
/// descriptor and returns; it may also become another program whose output is the answer.
using Question = std::function<void(int answer_to)>;

/// Asks all questions at once. nullopt for one that has not ended after `limit_ms` milliseconds in
/// all; its child is killed, or left to the kernel where even that takes time. Answers are cut at
/// 64 KiB.
std::vector<std::optional<std::string>> ask_all(const std::vector<Question>& questions,
                                                int limit_ms);

}  // namespace eb
