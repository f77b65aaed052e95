// Transposes tiles (see transpose.h): 16-byte vectors, zipped log2(n) times, make n rows of n elements n columns.
#include "kernels/transpose.h"

#include "kernels/table.h"
#include "kernels/transpose-block.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t lineBytes = 64;

// A square whose rows are whole cache lines on both sides. It is put together in a buffer, for the lines of a column
// often fall into one set of the cache and would push one another out while they are half written.
template <class Element>
void square(const typename Unaligned<Element>::Type* in, size_t inStride, typename Unaligned<Element>::Type* out,
            size_t outStride) {
  constexpr size_t side = lineBytes / sizeof(Element), blockSide = Block<Element>::side;
  alignas(lineBytes) Element buffer[side][side];
  for (size_t row = 0; row < side; row += blockSide)
    for (size_t column = 0; column < side; column += blockSide) {
      Block<Element> block;
      block.load(in + row * inStride + column, inStride);
      block.transpose();
      block.store(&buffer[column][row], side);
    }
  for (size_t column = 0; column < side; column++)
    __builtin_memcpy(out + column * outStride, buffer[column], lineBytes);
}

template <class Element>
void tile(const void* in, size_t inStride, void* out, size_t outStride, size_t rows, size_t columns) {
  constexpr size_t side = lineBytes / sizeof(Element);
  const auto* source = static_cast<const typename Unaligned<Element>::Type*>(in);
  auto* target = static_cast<typename Unaligned<Element>::Type*>(out);
  const size_t wholeRows = rows / side * side, wholeColumns = columns / side * side;
  for (size_t column = 0; column < wholeColumns; column += side)
    for (size_t row = 0; row < wholeRows; row += side) {
      // The hardware foresees neither side's next lines.
      for (size_t i = 0; row + side < wholeRows && i < side; i++) {
        __builtin_prefetch(source + (row + side + i) * inStride + column);
        __builtin_prefetch(target + (column + i) * outStride + row + side, 1);
      }
      square<Element>(source + row * inStride + column, inStride, target + column * outStride + row, outStride);
    }
  for (size_t row = 0; row < rows; row++)
    for (size_t column = row < wholeRows ? wholeColumns : 0; column < columns; column++)
      target[column * outStride + row] = source[row * inStride + column];
}

}  // namespace

extern const TransposeKernels transposeKernels;
const TransposeKernels transposeKernels{tile<uint8_t>, tile<uint16_t>, tile<uint32_t>, tile<uint64_t>};

}  // namespace pare::PARE_LEVEL
