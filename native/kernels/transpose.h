// Transposes a tile of a matrix of 1-, 2-, 4- or 8-byte elements.
//
// Operation: out[column · outStride + row] = in[row · inStride + column], strides in elements. Layout: any alignment.
// Floor: the element's bytes read and written; tiles are chosen by the caller so that both sides stay in the
// first-level cache.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct TransposeKernels {
  using Tile = void (*)(const void* in, size_t inStride, void* out, size_t outStride, size_t rows, size_t columns);
  Tile bytes1, bytes2, bytes4, bytes8;
};

}  // namespace pare
