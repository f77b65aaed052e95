// The slow, obvious version of four-bit-product.h.
#include "kernels/four-bit-product.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t group = FourBitProductKernels::group;

// Where value i of a row lies once it is split for codes that begin in the lower halves.
size_t placeOf(size_t i) { return i / group * group + i % 2 * (group / 2) + i % group / 2; }

void splitRow(const UnalignedFloat* a, size_t count, bool upperFirst, float* to) {
  const size_t whole = (count + group - 1) / group * group;
  for (size_t i = 0; i < whole; i++) to[placeOf(upperFirst ? i ^ 1 : i)] = i < count ? a[i] : 0;
}

void multiply(const FourBitProduct& of) {
  for (size_t r = 0; r < of.rows; r++)
    for (size_t j = 0; j < of.columns; j++) {
      double sum = 0;
      for (size_t b = 0; b < of.blocks; b++) {
        double block = 0;
        for (size_t i = b * of.blockSize; i < (b + 1) * of.blockSize; i++) {
          const unsigned code = of.codes[j * of.bytes + i / 2] >> (i % 2 * 4) & 15u;
          block += static_cast<double>(of.a[r * of.aStride + placeOf(i)]) * static_cast<double>(of.values[code]);
        }
        sum += block * static_cast<double>(of.scales[j * of.blocks + b]);
        if (of.zeroScales)
          sum -= static_cast<double>(of.zeroScales[j * of.blocks + b]) *
                 static_cast<double>(of.blockSums[r * of.blocks + b]);
      }
      of.y[r * of.yStride + j] = static_cast<float>(sum);
    }
}

void decode(const uint8_t* codes, size_t count, bool upperFirst, const float* values, float* out) {
  for (size_t i = 0; i < count; i++) out[i] = values[codes[i / 2] >> ((i % 2 == 0) == upperFirst ? 4 : 0) & 15];
}

}  // namespace

extern const FourBitProductKernels fourBitProductKernels;
const FourBitProductKernels fourBitProductKernels{splitRow, multiply, decode};

}  // namespace pare::PARE_LEVEL
