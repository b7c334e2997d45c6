// A libcuda.so.1 for a glibc that does not exist yet.
extern "C" int eb_from_the_future();
extern "C" __attribute__((visibility("default"))) int cuInit(unsigned flags);
int cuInit(unsigned /*flags*/) { return eb_from_the_future(); }
