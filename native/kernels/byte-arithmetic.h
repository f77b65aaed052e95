// Arithmetic of bytes that stand on grids of scale and zero point, element by element.
//
// add: y = clip(rint(a · aScale + (b · bScale + offset))), each product and sum rounded once where the level has FMA;
// multiply: y = clip(rint((a − aZero)(b − bZero) · scale + zeroPoint)); the range is the type's own, ties to even. An
// operand with step 0 is one number. accumulate: sums[i] += weight · (x[i · step] − zero). Layout: contiguous, any
// alignment. Floor: the bytes at the memory's bandwidth, or a dozen vector operations for the lanes of a vector.
// Sources: ONNX Runtime's QLinearAdd and QLinearMul.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct ByteSum {
  float aScale, bScale, offset;
};
struct ByteProduct {
  int32_t aZero, bZero;
  float scale, zeroPoint;
};

struct ByteArithmeticKernels {
  void (*add)(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
              const ByteSum& sum, uint8_t* y);
  void (*multiply)(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
                   const ByteProduct& product, uint8_t* y);
  void (*accumulate)(const uint8_t* x, size_t step, size_t count, bool isSigned, int32_t zero, int32_t weight,
                     int32_t* sums);
};

}  // namespace pare
