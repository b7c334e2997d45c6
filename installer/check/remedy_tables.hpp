#pragma once

#include <string>

#include "installer/check/remedies.hpp"

namespace eb::remedy {

// The parts of explain_failure(), one for each library that has codes of its own. nullopt: the code
// is in no table.

/// CUresult and cudaError_t: the numbers are the same where both exist.
std::optional<Diagnosis> of_cuda(int64_t code, const std::string& text, const RemedyFacts& facts);
std::optional<Diagnosis> of_cublas(int64_t code, const RemedyFacts& facts);
std::optional<Diagnosis> of_cudnn(int64_t code, const RemedyFacts& facts);
std::optional<Diagnosis> of_nccl(int64_t code, const std::string& text, const RemedyFacts& facts);
/// What dlopen(3), dlsym(3) and the program loader say.
std::optional<Diagnosis> of_loader(const std::string& text, const RemedyFacts& facts);

/// Device files that this user may not open.
Diagnosis of_denied_nodes(const RemedyFacts& facts);

/// "envinstall verify PREFIX --full".
std::string verify_command_text(const RemedyFacts& facts);
/// "run '…' to see whether a file of the release is damaged".
std::string verify_hint(const RemedyFacts& facts);

}  // namespace eb::remedy
