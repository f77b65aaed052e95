// Quantizing tensors over the thread pool: per tensor, per index of an axis, or per block of an axis.
#pragma once

#include <vector>

#include "engine/execution.h"

namespace pare {

enum class QuantizedType { int8, uint8, int16, uint16, int4, uint4 };

constexpr bool isFourBit(QuantizedType type) { return type == QuantizedType::int4 || type == QuantizedType::uint4; }
constexpr bool isSixteenBit(QuantizedType type) {
  return type == QuantizedType::int16 || type == QuantizedType::uint16;
}
constexpr size_t byteLengthOf(QuantizedType type, size_t count) {
  return isFourBit(type) ? count / 2 + count % 2 : isSixteenBit(type) ? count * 2 : count;
}

// A row-major tensor of outer × axis × inner elements. blockSize 0: one scale for each index of the axis (axis 1: one
// for the tensor). Otherwise scales have shape outer × ceil(axis / blockSize) × inner.
struct QuantizationLayout {
  size_t outer = 1, axis = 1, inner = 0, blockSize = 0;

  size_t count() const { return outer * axis * inner; }
  size_t blocks() const { return blockSize ? axis / blockSize + (axis % blockSize != 0) : axis; }
  size_t scaleCount() const { return blockSize ? outer * blocks() * inner : axis; }
};

struct QuantizationParameters {
  std::vector<float> scale;        // one each, above zero and finite
  std::vector<int32_t> zeroPoint;  // as many, within the type
};

// Integers of the type as it is stored (four-bit ones two a byte) ⇄ one number each.
void unpackIntegers(QuantizedType type, const uint8_t* in, int32_t* out, size_t count);
void packIntegers(QuantizedType type, const int32_t* in, uint8_t* out, size_t count);

// Scales and zero points by the rules of onnxruntime.quantization (quant_utils.py: compute_scale_zp, and
// compute_scale_zp_blocked for blocks), over finite values: reduceRange leaves out one bit.
Status computeParameters(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout,
                         QuantizedType type, bool symmetric, bool reduceRange, QuantizationParameters& parameters);

// Writes byteLengthOf(type, count) bytes; *nanCount is the number of NaNs, which become the zero point.
Status quantize(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout,
                QuantizedType type, const QuantizationParameters& parameters, uint8_t* out, uint64_t* nanCount);

// ONNX's DynamicQuantizeLinear: the grid of 256 steps over the range of finite values and zero, in float32.
struct DynamicGrid {
  float scale = 1;
  uint8_t zeroPoint = 0;
};
Status quantizeDynamically(const Execution& execution, const UnalignedFloat* in, size_t count, uint8_t* out,
                           DynamicGrid& grid);

Status dequantize(const Execution& execution, const uint8_t* in, const QuantizationLayout& layout, QuantizedType type,
                  const QuantizationParameters& parameters, UnalignedFloat* out);

// How far q, dequantized, is from x.
Status quantizationError(const Execution& execution, const UnalignedFloat* x, const uint8_t* q,
                         const QuantizationLayout& layout, QuantizedType type, const QuantizationParameters& parameters,
                         QuantizationError* error);

// Adds up the errors of pieces, in their order.
QuantizationError sumOf(const std::vector<QuantizationError>& parts);

}  // namespace pare
