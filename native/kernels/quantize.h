// float32 → integers on a grid of scale and zero point, and back.
//
// Operation: q = clip(rint(x / scale) + zeroPoint, low, high), nearest with ties to even; NaN becomes the zero point
// and is counted; x' = (q - zeroPoint) · scale. The quotient is a true division: a product with the reciprocal rounds
// differently. Layout: contiguous elements, any alignment. "Runs": runLength elements share one scale, one run after
// the other. "Columns": element i has the i-th scale. Four-bit values are computed a byte each and packed two a byte,
// low nibble first. Floor: 4 bytes read and 1, 2 or ½ written an element. Rules: ONNX QuantizeLinear and
// DequantizeLinear, opset 21; numpy's float32 arithmetic in onnxruntime.quantization's quant_utils.py.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

// How a range becomes a scale and a zero point: the integers that its ends go to, around zero or not, and whether the
// rule is that of blocks (see findGrids).
struct GridRule {
  int32_t low, high;
  bool symmetric, blocked;
};

// Scales by which a quotient can be had from the reciprocal: below and above, a step on the way could over- or
// underflow where it matters.
inline bool isQuickScale(float scale) { return scale >= 0x1p-100f && scale <= 0x1p100f; }

// Of each scale 1 / scale, the values a quarter of a step beyond the ends of the range (what lies further rounds to the
// ends as well, and nothing overflows), and what makes the integer of a rounded quotient.
struct QuickScales {
  float *reciprocals = nullptr, *lowest = nullptr, *highest = nullptr;
  uint32_t* offsets = nullptr;

  QuickScales from(size_t first) const {
    return reciprocals ? QuickScales{reciprocals + first, lowest + first, highest + first, offsets + first} : *this;
  }
};

struct QuantizeKernels {
  // Widens [low[r], high[r]], which hold zero already, by the finite values of run r.
  void (*rangeRuns)(const UnalignedFloat* in, size_t runLength, size_t runCount, float* low, float* high);
  // The same for each column of a matrix whose rows lie `stride` elements apart.
  void (*columnRanges)(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, float* low,
                       float* high);

  // Scale and zero point of each range by onnxruntime.quantization's rules: compute_scale_zp in double precision, and
  // for blocks compute_scale_zp_blocked, which subtracts in float32 and goes on with the rounded scale.
  void (*findGrids)(const float* low, const float* high, size_t count, GridRule rule, float* scales,
                    int32_t* zeroPoints);

  // Null where quantizing divides.
  void (*prepareScales)(const float* scales, const int32_t* zeroPoints, size_t count, int32_t low, int32_t high,
                        QuickScales out);

  // What each storage type has; `count` and runLength · runCount stay below 2³². Quantizing returns the number of NaNs.
  struct Storage {
    size_t (*quantizeRuns)(const UnalignedFloat* in, void* out, size_t runLength, size_t runCount, const float* scales,
                           const int32_t* zeroPoints, int32_t low, int32_t high);
    // `prepared` is empty where a scale is not quick.
    size_t (*quantizeColumns)(const UnalignedFloat* in, void* out, size_t count, const float* scales,
                              const int32_t* zeroPoints, int32_t low, int32_t high, const QuickScales& prepared);
    void (*dequantizeRuns)(const void* in, UnalignedFloat* out, size_t runLength, size_t runCount, const float* scales,
                           const int32_t* zeroPoints);
    void (*dequantizeColumns)(const void* in, UnalignedFloat* out, size_t count, const float* scales,
                              const int32_t* zeroPoints);
  };
  Storage int8, uint8, int16, uint16;

  // Bytes whose low four bits count ⇄ two values a byte; an odd last value leaves the upper nibble zero.
  void (*packNibbles)(const uint8_t* in, uint8_t* out, size_t count);
  void (*unpackSigned)(const uint8_t* in, uint8_t* out, size_t count);
  void (*unpackUnsigned)(const uint8_t* in, uint8_t* out, size_t count);
};

}  // namespace pare
