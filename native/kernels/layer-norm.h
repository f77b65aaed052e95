// Normalization of rows: by mean and variance (layer norm) or by the root mean square alone (RMS norm), after a sum of
// several inputs where there are any.
//
// Operation: s = in + skip + addend; y = (s − μ) / √(σ² + ε) · scale + bias, with μ = 0 and σ² = Σs²/n for RMS norm.
// Layout: rows of float32, any alignment. Floor: each input read and each output written once, at the speed of the
// cache that holds the rows: both passes over a row are in the first level. The first pass sums about a number near the
// mean, the second normalizes; where that number was a whole deviation away from the mean, the sums are taken again
// about the mean itself and corrected for its rounding (Chan, Golub, LeVeque 1983), so that a large mean takes nothing
// from the variance.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct LayerNormRows {
  const UnalignedFloat* in;
  size_t rowCount, length;
  bool centered = true;  // false: RMS norm
  float epsilon = 1e-5f;
  const UnalignedFloat* scale = nullptr;       // [length], or null for ones
  const UnalignedFloat* bias = nullptr;        // [length], or null
  const UnalignedFloat* skip = nullptr;        // laid out as `in`, or null
  const UnalignedFloat* addend = nullptr;      // [length], or null
  UnalignedFloat* sum = nullptr;               // where s goes, or null; may be `in` or `skip`; only with skip or addend
  UnalignedFloat* out;                         // may be any of `in`, `skip` and, without use for it, `sum`
  UnalignedFloat* mean = nullptr;              // [rowCount], or null; untouched by RMS norm
  UnalignedFloat* inverseDeviation = nullptr;  // 1 / √(σ² + ε): [rowCount], or null
};

struct LayerNormKernels {
  void (*normalize)(const LayerNormRows& rows);
};

}  // namespace pare
