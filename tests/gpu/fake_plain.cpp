// A library that only has to be there: cuDNN's parts, libcublasLt, the run-time compiler.
#include "tests/gpu/fake_switch.hpp"

EB_FAKE_EXPORT int eb_fake_plain();
int eb_fake_plain() { return 1; }
