// Comparisons, and choosing by their results, element by element.
//
// Operation: out[i] = a[i] R b[i] as a byte of 0 or 1, each side an array or one number; and out[i] = condition[i] ?
// a[i] : b[i], for elements of 1, 2, 4 and 8 bytes. Greater is less with the sides exchanged. Comparisons with NaN do
// not hold. Layout: contiguous, any alignment; `out` overlaps no input. Floor: the bytes of all sides over the memory's
// bandwidth.
#pragma once

#include "kernels/number.h"

namespace pare {

enum class Relation : uint8_t { equal, less, lessOrEqual };
constexpr size_t relationCount = 3;
constexpr size_t elementSizeCount = 4;  // 1, 2, 4, 8 bytes

struct LogicKernels {
  using Compare = void (*)(const void* a, const void* b, uint8_t* out, size_t count);
  struct Forms {
    Compare arrays, numberRight, numberLeft;
  };
  Forms compare[relationCount][numberCount];

  using Choose = void (*)(const uint8_t* condition, const void* a, const void* b, void* out, size_t count);
  Choose choose[elementSizeCount][2][2];  // [log2 of the size][a is an array][b is an array]

  void (*isNan)(const UnalignedFloat* in, uint8_t* out, size_t count);
  void (*isInfinite)(const UnalignedFloat* in, uint8_t* out, size_t count, bool negative, bool positive);
};

}  // namespace pare
