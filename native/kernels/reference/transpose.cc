// The slow, obvious version of transpose.h: byte by byte.
#include "kernels/transpose.h"

#include <cstring>

namespace pare::PARE_LEVEL {
namespace {

template <size_t size>
void tile(const void* in, size_t inStride, void* out, size_t outStride, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < columns; column++)
      std::memcpy(static_cast<uint8_t*>(out) + (column * outStride + row) * size,
                  static_cast<const uint8_t*>(in) + (row * inStride + column) * size, size);
}

}  // namespace

extern const TransposeKernels transposeKernels;
const TransposeKernels transposeKernels{tile<1>, tile<2>, tile<4>, tile<8>};

}  // namespace pare::PARE_LEVEL
