#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

// Counts the allocations of a benchmark: replaces the global new and delete, so exactly one file of a program includes
// it. Every form of new that the standard library does not forward to this one is left alone; nothing here is
// over-aligned.

namespace settle::bench {
inline std::uint64_t allocations = 0;  // of one thread
}

void* operator new(std::size_t bytes) {
  ++settle::bench::allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
