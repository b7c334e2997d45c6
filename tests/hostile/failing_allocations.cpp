#include "failing_allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

// A file of its own: where the compiler sees both sides it takes malloc and delete for a mismatch.

namespace {

std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
std::atomic<long> fails_at{0};
std::atomic<bool> fails_for_ever{false};

bool fails_now() {
  if (!counting.load(std::memory_order_relaxed)) return false;
  const long number = ++allocations;
  const long at = fails_at.load(std::memory_order_relaxed);
  return at != 0 && (number == at || (number > at && fails_for_ever));
}

void* allocate(std::size_t size) noexcept {
  return fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails_now()) return nullptr;
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

}  // namespace

namespace eb::test {

void start_counting(long at, bool for_ever) {
  fails_at = at;
  fails_for_ever = for_ever;
  allocations = 0;
  counting = true;
}

long stop_counting() {
  counting = false;
  return allocations;
}

}  // namespace eb::test

void* operator new(std::size_t size) {
  if (void* out = allocate(size)) return out;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  if (void* out = allocate(size, static_cast<std::size_t>(alignment))) return out;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* pointer) noexcept { std::free(pointer); }
void operator delete[](void* pointer) noexcept { std::free(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { std::free(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { std::free(pointer); }
void operator delete(void* pointer, std::size_t, std::align_val_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, std::size_t, std::align_val_t) noexcept {
  std::free(pointer);
}
