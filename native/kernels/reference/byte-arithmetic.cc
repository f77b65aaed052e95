// The slow, obvious version of byte-arithmetic.h.
#include "kernels/byte-arithmetic.h"

#include <algorithm>
#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

int32_t valueOf(uint8_t byte, bool isSigned) { return isSigned ? static_cast<int8_t>(byte) : byte; }

uint8_t toByte(double x, bool isSigned) {
  const double rounded = std::nearbyint(x);
  return static_cast<uint8_t>(
      static_cast<int32_t>(std::clamp(rounded, isSigned ? -128.0 : 0.0, isSigned ? 127.0 : 255.0)));
}

void add(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
         const ByteSum& sum, uint8_t* y) {
  for (size_t i = 0; i < count; i++) {
    const auto left = static_cast<double>(valueOf(a[i * aStep], isSigned));
    const auto right = static_cast<double>(valueOf(b[i * bStep], isSigned));
    const auto inner = static_cast<float>(right * static_cast<double>(sum.bScale) + static_cast<double>(sum.offset));
    y[i] = toByte(
        static_cast<double>(static_cast<float>(left * static_cast<double>(sum.aScale) + static_cast<double>(inner))),
        isSigned);
  }
}

void multiply(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
              const ByteProduct& product, uint8_t* y) {
  for (size_t i = 0; i < count; i++) {
    const int32_t value =
        (valueOf(a[i * aStep], isSigned) - product.aZero) * (valueOf(b[i * bStep], isSigned) - product.bZero);
    const double exact = static_cast<double>(value) * static_cast<double>(product.scale);
    y[i] = toByte(static_cast<double>(static_cast<float>(exact + static_cast<double>(product.zeroPoint))), isSigned);
  }
}

void accumulate(const uint8_t* x, size_t step, size_t count, bool isSigned, int32_t zero, int32_t weight,
                int32_t* sums) {
  for (size_t i = 0; i < count; i++) sums[i] += weight * (valueOf(x[i * step], isSigned) - zero);
}

}  // namespace

extern const ByteArithmeticKernels byteArithmeticKernels;
const ByteArithmeticKernels byteArithmeticKernels{add, multiply, accumulate};

}  // namespace pare::PARE_LEVEL
