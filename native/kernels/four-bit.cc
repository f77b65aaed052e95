// Packers of four-bit weights (see four-bit.h).
#include "kernels/four-bit.h"

#include "kernels/table.h"
#include "kernels/transpose-block.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr float largest = 0x1.fffffep127f;
constexpr size_t tileColumns = FourBitKernels::tileColumns;

// Half away from zero for values in [0, 15]; the part behind the point is exact.
inline uint32_t roundHalfUp(float value) {
  const auto whole = static_cast<int32_t>(value);
  return static_cast<uint32_t>(whole + (value - static_cast<float>(whole) >= 0.5f));
}

struct Tile {
  float low[tileColumns], high[tileColumns], reciprocal[tileColumns], zeroPoint[tileColumns];
  uint8_t bytes[FourBitKernels::maximumBlock / 2][tileColumns];
};

inline uint32_t quantizeOne(float value, float reciprocal, float zeroPoint) {
  float scaled = value * reciprocal + zeroPoint;
  scaled = scaled > 0.0f ? scaled : 0.0f;  // also where a denormal scale has an infinite reciprocal
  scaled = scaled < 15.0f ? scaled : 15.0f;
  return roundHalfUp(value == value ? scaled : zeroPoint);
}

size_t packMatMulNBits(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, size_t blockSize,
                       bool symmetric, uint8_t* data, size_t dataStride, UnalignedFloat* scales, size_t scaleStride,
                       uint8_t* zeroPoints) {
  Tile tile;
  for (size_t c = 0; c < tileColumns; c++) {
    tile.low[c] = largest;
    tile.high[c] = -largest;
  }
  for (size_t row = 0; row < rowCount; row++) {
    const UnalignedFloat* values = in + row * stride;
    for (size_t c = 0; c < columnCount; c++) {
      const float value = values[c];
      const bool finite = __builtin_fabsf(value) <= largest;
      const float low = finite ? value : largest, high = finite ? value : -largest;
      tile.low[c] = low < tile.low[c] ? low : tile.low[c];
      tile.high[c] = high > tile.high[c] ? high : tile.high[c];
    }
  }
  for (size_t c = 0; c < columnCount; c++) {
    float low = tile.low[c], high = tile.high[c], scale, zeroPoint = 8.0f;
    if (low > high) low = high = 0.0f;  // nothing finite
    if (symmetric) {
      // −8 reaches further than 7, so the larger side goes there.
      scale = -(__builtin_fabsf(high) > __builtin_fabsf(low) ? high : low) / 8.0f;
    } else {
      low = low < 0.0f ? low : 0.0f;
      high = high > 0.0f ? high : 0.0f;
      scale = (high - low) / 15.0f;
      zeroPoint = scale != 0.0f ? 0.0f - low / scale : low;
      zeroPoint = zeroPoint > 0.0f ? zeroPoint : 0.0f;
      zeroPoint = static_cast<float>(roundHalfUp(zeroPoint < 15.0f ? zeroPoint : 15.0f));
    }
    scales[c * scaleStride] = scale;
    zeroPoints[c] = static_cast<uint8_t>(zeroPoint);
    tile.zeroPoint[c] = zeroPoint;
    tile.reciprocal[c] = scale != 0.0f ? 1.0f / scale : 0.0f;
  }
  uint32_t nans = 0;
  for (size_t row = 0; row + 1 < rowCount; row += 2) {
    const UnalignedFloat *even = in + row * stride, *odd = even + stride;
    uint8_t* bytes = tile.bytes[row / 2];
    for (size_t c = 0; c < columnCount; c++) {
      const float a = even[c], b = odd[c];
      nans += (a != a) + (b != b);
      bytes[c] = static_cast<uint8_t>(quantizeOne(a, tile.reciprocal[c], tile.zeroPoint[c]) |
                                      quantizeOne(b, tile.reciprocal[c], tile.zeroPoint[c]) << 4);
    }
  }
  if (rowCount % 2) {
    const UnalignedFloat* even = in + (rowCount - 1) * stride;
    for (size_t c = 0; c < columnCount; c++) {
      nans += even[c] != even[c];
      tile.bytes[rowCount / 2][c] = static_cast<uint8_t>(quantizeOne(even[c], tile.reciprocal[c], tile.zeroPoint[c]));
    }
  }
  for (size_t i = (rowCount + 1) / 2; i < blockSize / 2; i++)
    for (size_t c = 0; c < columnCount; c++) tile.bytes[i][c] = 0;
  size_t transposed = 0;
  if (blockSize / 2 % blockBytes == 0)
    for (; transposed + blockBytes <= columnCount; transposed += blockBytes)
      for (size_t i = 0; i < blockSize / 2; i += blockBytes) {
        Block<uint8_t> block;
        block.load(&tile.bytes[i][transposed], tileColumns);
        block.transpose();
        block.store(data + transposed * dataStride + i, dataStride);
      }
  for (size_t c = transposed; c < columnCount; c++)
    for (size_t i = 0; i < blockSize / 2; i++) data[c * dataStride + i] = tile.bytes[i][c];
  return nans;
}

void unpackMatMulNBits(const uint8_t* data, size_t dataStride, size_t rowCount, size_t columnCount, const float* scales,
                       const uint8_t* zeroPoints, float* out) {
  const size_t byteCount = (rowCount + 1) / 2;
  uint8_t bytes[FourBitKernels::maximumBlock / 2][tileColumns];
  float points[tileColumns];
  for (size_t c = 0; c < columnCount; c++) {
    points[c] = zeroPoints[c];
    for (size_t i = 0; i < byteCount; i++) bytes[i][c] = data[c * dataStride + i];
  }
  for (size_t row = 0; row < rowCount; row++, out += columnCount) {
    const uint8_t* codes = bytes[row / 2];
    const uint32_t shift = row % 2 * 4;
    for (size_t c = 0; c < columnCount; c++)
      out[c] = (static_cast<float>(static_cast<int32_t>(codes[c]) >> shift & 15) - points[c]) * scales[c];
  }
}

template <const float (&values)[16]>
void unpackBnb4(const uint8_t* data, size_t count, float absmax, float* out) {
  float scaled[16];
  for (size_t i = 0; i < 16; i++) scaled[i] = values[i] * absmax;
  for (size_t i = 0; i < count / 2; i++) {
    out[2 * i] = scaled[data[i] >> 4];
    out[2 * i + 1] = scaled[data[i] & 15];
  }
  if (count % 2) out[count - 1] = scaled[data[count / 2] >> 4];
}

// Comparisons give −1 where they hold: their sum is minus the rank among the pivots.
inline Ints codeNf4(Floats value) {
  Ints rank{};
  for (const float pivot : nf4Pivots) rank -= value > pivot;
  return rank;
}

inline Ints codeFp4(Floats value) {
  const Floats magnitude = (Floats)((Ints)value & 0x7fffffff);
  Ints rank{};
  for (const float pivot : fp4Pivots) rank -= magnitude > pivot;
  // Codes in the order of their values are 0 1 6 7 4 5 2 3; the sign of a value below zero is 8.
  return (rank & 3) | (((rank >> 1) ^ (rank >> 2)) & 1) << 2 | ((value < 0.0f) & 8);
}

constexpr size_t batch = 64;

// Two codes a byte, high nibble first.
template <Ints code(Floats)>
inline void packCodes(const float* values, float reciprocal, uint8_t* out) {
  uint8_t codes[batch];
  for (size_t i = 0; i < batch; i += laneCount) {
    const Floats value = load<Floats>(values + i);
    storeBytes(codes + i, code((Floats)((Ints)(value * reciprocal) & (value == value))));
  }
  for (size_t i = 0; i < batch / 2; i++) out[i] = static_cast<uint8_t>(codes[2 * i] << 4 | codes[2 * i + 1]);
}

template <Ints code(Floats)>
size_t packBnb4(const float* in, size_t count, uint8_t* out, UnalignedFloat* absmax) {
  // Patterns of magnitudes are ordered as integers. What is missing in the last batch counts as zero.
  Ints largestBits{}, nans{};
  float rest[batch] = {};
  const size_t whole = count / batch * batch;
  __builtin_memcpy(rest, in + whole, (count - whole) * sizeof(float));
  const auto take = [&](Floats value) {
    const Ints bits = (Ints)value & 0x7fffffff;
    largestBits = larger(largestBits, bits & (bits < 0x7f800000));
    nans += value != value;
  };
  for (size_t i = 0; i < whole; i += laneCount) take(load<Floats>(in + i));
  for (size_t i = 0; whole < count && i < batch; i += laneCount) take(load<Floats>(rest + i));
  const float magnitude = __builtin_bit_cast(float, static_cast<int32_t>(largestOf(largestBits)));
  *absmax = magnitude;
  const float reciprocal = magnitude != 0.0f ? 1.0f / magnitude : 0.0f;
  for (size_t i = 0; i < whole; i += batch) packCodes<code>(in + i, reciprocal, out + i / 2);
  if (whole < count) {
    uint8_t bytes[batch / 2];
    packCodes<code>(rest, reciprocal, bytes);
    // The other half of an odd last byte is the code of zero, whatever the reciprocal.
    if (uint8_t& last = bytes[(count - whole) / 2]; count % 2)
      last = static_cast<uint8_t>((last & 0xf0) | code(Floats{})[0]);
    __builtin_memcpy(out + whole / 2, bytes, (count - whole + 1) / 2);
  }
  return countOf(nans);
}

}  // namespace

extern const FourBitKernels fourBitKernels;
const FourBitKernels fourBitKernels{.packMatMulNBits = packMatMulNBits,
                                    .unpackMatMulNBits = unpackMatMulNBits,
                                    .packNf4 = packBnb4<codeNf4>,
                                    .packFp4 = packBnb4<codeFp4>,
                                    .unpackNf4 = unpackBnb4<nf4Values>,
                                    .unpackFp4 = unpackBnb4<fp4Values>};

}  // namespace pare::PARE_LEVEL
