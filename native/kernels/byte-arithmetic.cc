// Arithmetic of bytes on grids (see byte-arithmetic.h).
#include "kernels/byte-arithmetic.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

// Adding it leaves the integer in the lowest bits: for |x| below 2²².
constexpr float rounding = 0x1.8p23f;
constexpr uint32_t roundingBits = 0x4b400000;

inline float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

template <class Byte>
inline uint8_t toByte(float x) {
  constexpr float least = static_cast<Byte>(-1) < 0 ? -128 : 0, most = static_cast<Byte>(-1) < 0 ? 127 : 255;
  x = x > least ? x : least;
  x = x < most ? x : most;
  return static_cast<uint8_t>(__builtin_bit_cast(uint32_t, x + rounding) - roundingBits);
}

// Which operands are one number, as constants for the loop.
template <class Loop>
inline void withSteps(size_t aStep, size_t bStep, Loop loop) {
  if (aStep && bStep)
    loop.template operator()<1, 1>();
  else if (aStep)
    loop.template operator()<1, 0>();
  else if (bStep)
    loop.template operator()<0, 1>();
  else
    loop.template operator()<0, 0>();
}

template <class Byte>
void addAs(const uint8_t* from, size_t aStep, const uint8_t* other, size_t bStep, size_t count, const ByteSum& of,
           uint8_t* __restrict y) {
  const auto *a = reinterpret_cast<const Byte*>(from), *b = reinterpret_cast<const Byte*>(other);
  const ByteSum sum = of;
  withSteps(aStep, bStep, [&]<size_t stepA, size_t stepB>() {
    for (size_t i = 0; i < count; i++)
      y[i] = toByte<Byte>(fused(a[i * stepA], sum.aScale, fused(b[i * stepB], sum.bScale, sum.offset)));
  });
}

template <class Byte>
void multiplyAs(const uint8_t* from, size_t aStep, const uint8_t* other, size_t bStep, size_t count,
                const ByteProduct& of, uint8_t* __restrict y) {
  const auto *a = reinterpret_cast<const Byte*>(from), *b = reinterpret_cast<const Byte*>(other);
  const ByteProduct product = of;
  withSteps(aStep, bStep, [&]<size_t stepA, size_t stepB>() {
    for (size_t i = 0; i < count; i++) {
      const int32_t value = (a[i * stepA] - product.aZero) * (b[i * stepB] - product.bZero);
      y[i] = toByte<Byte>(fused(static_cast<float>(value), product.scale, product.zeroPoint));
    }
  });
}

template <class Byte>
void accumulateAs(const uint8_t* from, size_t step, size_t count, int32_t zero, int32_t weight,
                  int32_t* __restrict sums) {
  const auto* x = reinterpret_cast<const Byte*>(from);
  const auto run = [&](auto stepOf) {
    for (size_t i = 0; i < count; i++) sums[i] += weight * (x[i * stepOf()] - zero);
  };
  if (step == 1)
    run([] { return size_t{1}; });
  else if (step == 2)
    run([] { return size_t{2}; });
  else
    run([step] { return step; });
}

void add(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
         const ByteSum& sum, uint8_t* y) {
  (isSigned ? addAs<int8_t> : addAs<uint8_t>)(a, aStep, b, bStep, count, sum, y);
}

void multiply(const uint8_t* a, size_t aStep, const uint8_t* b, size_t bStep, size_t count, bool isSigned,
              const ByteProduct& product, uint8_t* y) {
  (isSigned ? multiplyAs<int8_t> : multiplyAs<uint8_t>)(a, aStep, b, bStep, count, product, y);
}

void accumulate(const uint8_t* x, size_t step, size_t count, bool isSigned, int32_t zero, int32_t weight,
                int32_t* sums) {
  (isSigned ? accumulateAs<int8_t> : accumulateAs<uint8_t>)(x, step, count, zero, weight, sums);
}

}  // namespace

extern const ByteArithmeticKernels byteArithmeticKernels;
const ByteArithmeticKernels byteArithmeticKernels{add, multiply, accumulate};

}  // namespace pare::PARE_LEVEL
