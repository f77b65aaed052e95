// Functions of vectors of float32, for kernels to inline: exp, log, tanh, erf and what is built of them.
//
// Exponentials and logarithms reduce their argument as Cody and Waite (Software Manual for the Elementary Functions,
// 1980) do, by a multiple of ln 2 in two parts. The polynomials are minimax, by Remez' exchange over the intervals
// that stand beside them, their coefficients rounded to float32.
#pragma once

#include "kernels/float-vector.h"
#include "kernels/math.h"

namespace pare::PARE_LEVEL {

// The first coefficient is that of the highest power.
template <class... More>
PARE_INLINE Floats polynomial(Floats x, float first, More... more) {
  Floats sum = broadcast(first);
  ((sum = fused(sum, x, broadcast(more))), ...);
  return sum;
}

// ---- exp
// e^x = 2^n · (1 + fraction), n the nearest integer to x / ln 2 and fraction = e^r − 1 for the rest r.
struct Exponential {
  Floats shifted;  // n + shift: its low bits are the integer n, for |n| below 2^22
  Floats fraction;

  static constexpr float shift = 0x1.8p23f;
  PARE_INLINE Floats exponent() const { return shifted - shift; }
  PARE_INLINE Ints integer() const { return bitsOf(shifted) - __builtin_bit_cast(int32_t, shift); }
};
PARE_INLINE Floats powerOfTwo(Ints n) { return floatsOf((n + 127) << 23); }  // −127 < n < 128

PARE_INLINE Exponential exponentialOf(Floats x) {
  Exponential result;
  result.shifted = fused(x, 0x1.715476p0f, broadcast(Exponential::shift));
  const Floats n = result.exponent();
  // The first part of ln 2 has 9 bits, so that its product with n is exact on levels without FMA too.
  Floats r = fused(n, -0x1.63p-1f, x);
  r = fused(n, 0x1.bd0106p-13f, r);
  // (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2: 2^−27 of e^r
  const Floats q = polynomial(r, 0x1.6d75fp-10f, 0x1.120be8p-7f, 0x1.5554b8p-5f, 0x1.5554dcp-3f, 0x1p-1f);
  result.fraction = fused(r * r, q, r);
  return result;
}

PARE_INLINE Floats expOf(Floats x) {
  // Beyond these the result is zero or infinite.
  const Exponential parts = exponentialOf(atMost(89.0f, atLeast(-104.0f, x)));
  const Floats y = parts.fraction + 1.0f;
#if defined(__AVX512F__)
  return (Floats)_mm512_maskz_scalef_ps(allLanes, (__m512)y, (__m512)parts.exponent());
#else
  // In two steps, for the power alone may be too large, or too small to be normal.
  const Ints n = parts.integer(), half = n >> 1;
  return y * powerOfTwo(half) * powerOfTwo(n - half);
#endif
}

// e^x − 1 for x ≤ 0, accurate near zero.
PARE_INLINE Floats expMinusOneOf(Floats x) {
  const Exponential parts = exponentialOf(atLeast(-30.0f, x));
  const Floats power = powerOfTwo(parts.integer());
  return fused(power, parts.fraction, power - 1.0f);
}

// ---- log
// log(1 + f) + exponent · ln 2, for 1 + f between √½ and √2.
PARE_INLINE Floats logOfParts(Floats f, Floats exponent) {
  const Floats square = f * f;
  // (log(1 + f) − f + f²/2) / f³: 2^−27 of log(1 + f)
  const Floats p = polynomial(f, -0x1.38b43cp-4f, 0x1.056f8ap-3f, -0x1.0d8ecep-3f, 0x1.22d816p-3f, -0x1.547128p-3f,
                              0x1.99a014p-3f, -0x1.00022ap-2f, 0x1.555554p-2f);
  Floats small = f * square * p;
  small = fused(exponent, -0x1.bd0106p-13f, small);
  small = fused(square, -0.5f, small);
  return fused(exponent, 0x1.63p-1f, f + small);
}

PARE_INLINE Floats logOf(Floats x) {
  const Ints isDenormal = x < 0x1p-126f;
  const Floats normal = isDenormal ? x * 0x1p23f : x;
  const Ints bits = bitsOf(normal);
  const Ints exponent = (Ints)((Words)bits - 0x3f3504f3u) >> 23;  // the pattern of √½
  const Floats mantissa = floatsOf((Ints)((Words)bits - ((Words)exponent << 23)));
  const Floats scale = __builtin_convertvector(exponent, Floats) - (isDenormal ? broadcast(23.0f) : Floats{});
  Floats result = logOfParts(mantissa - 1.0f, scale);
  result = x > 0.0f ? result : x == 0.0f ? broadcast(-infinity) : broadcast(__builtin_nanf(""));
  return x < infinity ? result : x;
}

// log(1 + x) for 0 ≤ x ≤ 1, accurate near zero.
PARE_INLINE Floats logOnePlusOf(Floats x) {
  const Ints isSmall = x < 0x1.a8279ap-2f;  // √2 − 1
  return logOfParts(isSmall ? x : fused(x, 0.5f, broadcast(-0.5f)), isSmall ? Floats{} : broadcast(1.0f));
}

// ---- tanh, sigmoid, erf
PARE_INLINE Floats tanhOf(Floats x) {
  const Floats e = expMinusOneOf(absoluteOf(x) * -2.0f);
  return withSignOf(absoluteOf(e / (e + 2.0f)), x);
}

PARE_INLINE Floats sigmoidOf(Floats x) {
  const Floats e = expOf(floatsOf(bitsOf(x) | INT32_MIN));
  const Floats above = 1.0f / (1.0f + e);
  return x < 0.0f ? e * above : above;
}

// −log(erfc(t)) for t from 0 to 4, beyond which float32 knows only 1 − erfc(t) = 1: t times a polynomial, such that
// erf(t) is within 2^−28.
PARE_INLINE Floats logErfcOf(Floats t) {
  return t * polynomial(t, -0x1.3696bap-17f, 0x1.ed6c7p-14f, -0x1.4bc9fcp-11f, 0x1.b50062p-10f, -0x1.50608ep-13f,
                        -0x1.39cdc6p-6f, 0x1.a4fa5ep-4f, 0x1.45f2fap-1f, 0x1.20dd76p+0f);
}

PARE_INLINE Floats erfOf(Floats x) {
  const Floats t = atMost(4.0f, absoluteOf(x));
  return withSignOf(absoluteOf(expMinusOneOf(-logErfcOf(t))), x);
}

// ---- Activations
// Φ(x). Below zero it is erfc/2 itself, without the loss of 1 + erf; beyond 4 its logarithm goes on straight, which
// brings it to zero.
PARE_INLINE Floats cumulativeNormalOf(Floats x) {
  const Floats t = absoluteOf(x) * 0x1.6a09e6p-1f;
  const Floats near = atMost(4.0f, t);
  const Floats half = 0.5f * expOf(-fused(t - near, 8.25f, logErfcOf(near)));
  return x < 0.0f ? half : 1.0f - half;
}
PARE_INLINE Floats geluOf(Floats x) { return x * cumulativeNormalOf(x); }

// (1 + tanh(u)) / 2 is sigmoid(2u), for u = √(2/π) · (x + 0.044715·x³).
PARE_INLINE Floats geluTanhOf(Floats x) {
  return x * sigmoidOf(x * fused(x * x, 0x1.2444f2p-4f, broadcast(0x1.988454p+0f)));
}

PARE_INLINE Floats siluOf(Floats x) { return x * sigmoidOf(x); }

PARE_INLINE Floats softplusOf(Floats x) {
  return atLeast(0.0f, x) + logOnePlusOf(expOf(floatsOf(bitsOf(x) | INT32_MIN)));
}

// tanh(log(1 + w)) is (w² + 2w) / (w² + 2w + 2); beyond 20 it is 1.
PARE_INLINE Floats mishOf(Floats x) {
  const Floats w = expOf(atMost(20.0f, x)), n = w * (w + 2.0f);
  return x * (n / (n + 2.0f));
}

PARE_INLINE Floats hardSigmoidOf(Floats x, Floats alpha, Floats beta) {
  return atMost(1.0f, atLeast(0.0f, x * alpha + beta));
}

// One lane at a time, by the C library: for functions that no network spends time on.
template <class Function>
PARE_INLINE Floats eachLane(Floats x, Function&& function) {
  for (size_t lane = 0; lane < laneCount; lane++) x[lane] = function(x[lane]);
  return x;
}

// Any function of the table, by its name.
template <Unary function>
PARE_INLINE Floats unaryOf(Floats x, [[maybe_unused]] Floats alpha = Floats{},
                           [[maybe_unused]] Floats beta = Floats{}) {
  switch (function) {
    case Unary::abs:
      return absoluteOf(x);
    case Unary::acos:
      return eachLane(x, [](float lane) { return __builtin_acosf(lane); });
    case Unary::acosh:
      return eachLane(x, [](float lane) { return __builtin_acoshf(lane); });
    case Unary::asin:
      return eachLane(x, [](float lane) { return __builtin_asinf(lane); });
    case Unary::asinh:
      return eachLane(x, [](float lane) { return __builtin_asinhf(lane); });
    case Unary::atan:
      return eachLane(x, [](float lane) { return __builtin_atanf(lane); });
    case Unary::atanh:
      return eachLane(x, [](float lane) { return __builtin_atanhf(lane); });
    case Unary::ceil:
      return ceilOf(x);
    case Unary::celu:
      return x < 0.0f ? alpha * expMinusOneOf(x / alpha) : x;
    case Unary::clip:
      return atMost(beta, atLeast(alpha, x));
    case Unary::cos:
      return eachLane(x, [](float lane) { return __builtin_cosf(lane); });
    case Unary::cosh:
      return eachLane(x, [](float lane) { return __builtin_coshf(lane); });
    case Unary::elu:
      return x < 0.0f ? alpha * expMinusOneOf(x) : x;
    case Unary::erf:
      return erfOf(x);
    case Unary::exp:
      return expOf(x);
    case Unary::floor:
      return floorOf(x);
    case Unary::gelu:
      return geluOf(x);
    case Unary::geluTanh:
      return geluTanhOf(x);
    case Unary::hardSigmoid:
      return hardSigmoidOf(x, alpha, beta);
    case Unary::hardSwish:
      return x * hardSigmoidOf(x, broadcast(1.0f / 6), broadcast(0.5f));
    case Unary::leakyRelu:
      return x < 0.0f ? alpha * x : x;
    case Unary::log:
      return logOf(x);
    case Unary::mish:
      return mishOf(x);
    case Unary::neg:
      return -x;
    case Unary::quickGelu:
      return x * sigmoidOf(alpha * x);
    case Unary::reciprocal:
      return 1.0f / x;
    case Unary::relu:
      return atLeast(0.0f, x);
    case Unary::round:
      return roundOf(x);
    case Unary::selu:
      return beta * (x < 0.0f ? alpha * expMinusOneOf(x) : x);
    case Unary::shrink:
      return x < -alpha ? x + beta : x > alpha ? x - beta : x == x ? Floats{} : x;
    case Unary::sigmoid:
      return sigmoidOf(x);
    case Unary::sign:
      return x > 0.0f ? broadcast(1.0f) : x < 0.0f ? broadcast(-1.0f) : x;
    case Unary::silu:
      return siluOf(x);
    case Unary::sin:
      return eachLane(x, [](float lane) { return __builtin_sinf(lane); });
    case Unary::sinh:
      return eachLane(x, [](float lane) { return __builtin_sinhf(lane); });
    case Unary::softplus:
      return softplusOf(x);
    case Unary::softsign:
      return x / (1.0f + absoluteOf(x));
    case Unary::sqrt:
      return squareRootOf(x);
    case Unary::tan:
      return eachLane(x, [](float lane) { return __builtin_tanf(lane); });
    case Unary::tanh:
      return tanhOf(x);
    case Unary::thresholdedRelu:
      return x > alpha ? x : x == x ? Floats{} : x;
  }
  return x;
}

}  // namespace pare::PARE_LEVEL
