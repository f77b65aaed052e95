// Packers of four-bit weights for ONNX Runtime's MatMulNBits and MatMulBnb4.
//
// MatMulNBits: a block of rows of one column shares a scale. Symmetric: scale = −extreme / 8, the zero point is 8.
// Asymmetric: scale = (max − min) / 15, zero point = round(−min / scale). q = clip(round(x · (1 / scale) + zeroPoint),
// 0, 15); round is half away from zero, all in float32. Two rows a byte, low nibble first. MatMulBnb4: a block of the
// transposed, flattened matrix shares its largest magnitude; q is the nearest code of NF4 or FP4 to x · (1 / absmax),
// by the pivots of bitsandbytes. Two values a byte, high nibble first. Both: ranges over finite values; infinities
// saturate; NaN becomes the code of zero and is counted. Floor: 4 bytes read and ½ written an element. Sources:
// Dettmers et al., QLoRA (2023); ONNX Runtime's operator documents.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct FourBitKernels {
  static constexpr size_t tileColumns = 64, maximumBlock = 256;

  // One block of `rowCount` rows (nibbles of missing rows up to blockSize are zero) and up to tileColumns columns.
  // Column c writes blockSize / 2 bytes at data + c · dataStride, its scale at scales[c · scaleStride], its zero point
  // at zeroPoints[c]. Returns the number of NaNs.
  size_t (*packMatMulNBits)(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount,
                            size_t blockSize, bool symmetric, uint8_t* data, size_t dataStride, UnalignedFloat* scales,
                            size_t scaleStride, uint8_t* zeroPoints);

  // What such a block stands for: rowCount rows of columnCount floats, one after the other.
  void (*unpackMatMulNBits)(const uint8_t* data, size_t dataStride, size_t rowCount, size_t columnCount,
                            const float* scales, const uint8_t* zeroPoints, float* out);

  // One block of `count` values; writes (count + 1) / 2 bytes. Returns the number of NaNs.
  size_t (*packNf4)(const float* in, size_t count, uint8_t* out, UnalignedFloat* absmax);
  size_t (*packFp4)(const float* in, size_t count, uint8_t* out, UnalignedFloat* absmax);
  // What `count` codes of one block stand for, the first of them in a byte's upper half.
  void (*unpackNf4)(const uint8_t* data, size_t count, float absmax, float* out);
  void (*unpackFp4)(const uint8_t* data, size_t count, float absmax, float* out);
};

// Values between two neighbouring codes, ascending.
constexpr float nf4Pivots[15] = {
    -0.8480964004993439f,  -0.6106329262256622f,   -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f,
    -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f, 0.1202552504837513f,   0.2035212516784668f,
    0.2920137718319893f,   0.3893125355243683f,    0.5016634166240692f,  0.6427869200706482f,   0.8614784181118011f};
constexpr float fp4Pivots[7] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};

// What each code stands for, as ONNX Runtime's MatMulBnb4 reads it.
constexpr float nf4Values[16] = {-1.0f,
                                 -0.6961928009986877f,
                                 -0.5250730514526367f,
                                 -0.39491748809814453f,
                                 -0.28444138169288635f,
                                 -0.18477343022823334f,
                                 -0.09105003625154495f,
                                 0.0f,
                                 0.07958029955625534f,
                                 0.16093020141124725f,
                                 0.24611230194568634f,
                                 0.33791524171829224f,
                                 0.44070982933044434f,
                                 0.5626170039176941f,
                                 0.7229568362236023f,
                                 1.0f};
constexpr float fp4Values[16] = {
    0.0f,  0.005208333333f,  0.66666667f,  1.0f,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
    -0.0f, -0.005208333333f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};

}  // namespace pare
