// Softmax and normalization over the thread pool.
#pragma once

#include "engine/execution.h"

namespace pare {

// Softmax, or its logarithm, along the middle dimension of [outer, axis, inner]; `out` may be `in`.
Status softmax(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t outer, size_t axis,
               size_t inner, bool logarithm = false);

// Layer norm or RMS norm of rows (see layer-norm.h). `skip` may have fewer rows than `in`, a divisor of their number,
// and is then used again from its first row on.
Status normalizeRows(const Execution& execution, const LayerNormRows& rows, size_t skipRowCount = 0);

// Each channel of [batch, channels, inner] times a factor of its own, plus an offset; `out` may be `in`.
Status scaleChannels(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t batch,
                     size_t channels, size_t inner, const float* factors, const float* offsets);

// Groups of channels of [batch, channels, inner], each less its mean and by its deviation, then each channel by its
// scale and bias; `out` may be `in`.
struct GroupNorm {
  const UnalignedFloat* in;
  UnalignedFloat* out;
  size_t batch, channels, inner, groups;
  float epsilon;
  const UnalignedFloat *scale, *bias;
  bool perGroup = false;  // a scale and a bias for each group instead
};
Status normalizeGroups(const Execution& execution, const GroupNorm& of);

}  // namespace pare
