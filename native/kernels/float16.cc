// float32 ⇄ float16 and bfloat16 (see float16.h). Hardware conversion where the level has it (F16C, AVX-512F, Armv8);
// elsewhere integer arithmetic, on vectors.
#include "kernels/float16.h"

#include <cstring>

#include "kernels/table.h"
#include "kernels/vector.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pare::PARE_LEVEL {
namespace {

inline uint32_t bitsOf(float value) { return __builtin_bit_cast(uint32_t, value); }
inline float floatOf(uint32_t bits) { return __builtin_bit_cast(float, bits); }

[[maybe_unused]] inline uint16_t toFloat16One(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t sign = (bits >> 16) & 0x8000u;
  // Normal results: rebias the exponent by 112, then round on the 13 dropped bits, ties to even; a carry runs into the
  // exponent.
  const uint32_t normal = (magnitude - 0x38000000u + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13;
  // Denormal results: adding 0.5 makes the float unit round the value to a multiple of 2^-24, the smallest denormal.
  const uint32_t denormal = bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t result = magnitude < 0x38800000u ? denormal : normal;
  result = magnitude >= 0x477ff000u ? 0x7c00u : result;  // 65520 and above round to infinity
  result = magnitude > 0x7f800000u ? 0x7e00u | ((magnitude >> 13) & 0x1ffu) : result;
  return static_cast<uint16_t>(sign | result);
}

[[maybe_unused]] inline float fromFloat16One(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t normal = (magnitude << 13) + 0x38000000u;
  // A denormal is an integer count of 2^-24: the conversion and the product are exact.
  const uint32_t denormal = bitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  uint32_t result = magnitude < 0x400u ? denormal : normal;
  result = magnitude >= 0x7c00u ? (magnitude << 13) + 0x70000000u : result;
  result = magnitude > 0x7c00u ? result | 0x400000u : result;  // quiet, as the hardware does
  return floatOf(sign | result);
}

#if !defined(__F16C__) && !defined(__AVX512F__)
typedef uint16_t Halves __attribute__((vector_size(laneCount * 2)));

// The same on vectors. Magnitudes are below 2³¹, so that comparisons may be signed.
inline Halves toFloat16Vector(Floats value) {
#if defined(__aarch64__)
  return (Halves)vcvt_f16_f32((float32x4_t)value);
#else
  const Ints bits = (Ints)value, magnitude = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
  const Ints normal = (magnitude - 0x38000000 + 0x0fff + ((magnitude >> 13) & 1)) >> 13;
  const Ints denormal = (Ints)((Floats)magnitude + 0.5f) - 0x3f000000;
  Ints result = magnitude < 0x38800000 ? denormal : normal;
  result = magnitude >= 0x477ff000 ? Ints{} + 0x7c00 : result;
  result = magnitude > 0x7f800000 ? 0x7e00 | ((magnitude >> 13) & 0x1ff) : result;
  return __builtin_convertvector(sign | result, Halves);
#endif
}

inline Floats fromFloat16Vector(Halves half) {
#if defined(__aarch64__)
  return (Floats)vcvt_f32_f16((float16x4_t)half);
#else
  const Ints wide = __builtin_convertvector(half, Ints), magnitude = wide & 0x7fff, sign = (wide & 0x8000) << 16;
  const Ints normal = (magnitude << 13) + 0x38000000;
  const Ints denormal = (Ints)(__builtin_convertvector(magnitude, Floats) * 0x1p-24f);
  Ints result = magnitude < 0x400 ? denormal : normal;
  result = magnitude >= 0x7c00 ? (magnitude << 13) + 0x70000000 : result;
  result = magnitude > 0x7c00 ? result | 0x400000 : result;
  return (Floats)(sign | result);
#endif
}
#endif

void toFloat16(const UnalignedFloat* in, UnalignedUint16* out, size_t count) {
  size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) {
    const __m256i half = _mm512_cvtps_ph(_mm512_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), half);
  }
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), half);
  }
#else
  for (; i + laneCount <= count; i += laneCount) store(out + i, toFloat16Vector(load<Floats>(in + i)));
#endif
  for (; i < count; i++) out[i] = toFloat16One(in[i]);
}

void fromFloat16(const UnalignedUint16* in, UnalignedFloat* out, size_t count) {
  size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(half));
  }
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
  }
#else
  for (; i + laneCount <= count; i += laneCount) store(out + i, fromFloat16Vector(load<Halves>(in + i)));
#endif
  for (; i < count; i++) out[i] = fromFloat16One(in[i]);
}

void toBfloat16(const UnalignedFloat* in, UnalignedUint16* out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = bitsOf(in[i]);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const bool isNan = (bits & 0x7fffffffu) > 0x7f800000u;
    out[i] = static_cast<uint16_t>(isNan ? (bits >> 16) | 0x40u : rounded);
  }
}

void fromBfloat16(const UnalignedUint16* in, UnalignedFloat* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = floatOf(static_cast<uint32_t>(in[i]) << 16);
}

size_t clamp(const UnalignedFloat* in, UnalignedFloat* out, size_t count, float smallest, float largest) {
  uint32_t moved = 0;
  for (size_t i = 0; i < count; i++) {
    const float value = in[i];
    const float magnitude = __builtin_fabsf(value);
    float target = magnitude < smallest ? smallest : magnitude;
    target = magnitude > largest ? largest : target;
    const bool moves = magnitude > 0.0f && magnitude <= 0x1.fffffep127f && target != magnitude;
    moved += moves;
    out[i] = moves ? __builtin_copysignf(target, value) : value;
  }
  return moved;
}

}  // namespace

extern const Float16Kernels float16Kernels;
const Float16Kernels float16Kernels{toFloat16, fromFloat16, toBfloat16, fromBfloat16, clamp};

}  // namespace pare::PARE_LEVEL
