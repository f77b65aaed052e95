// Packing four-bit weights for ONNX Runtime's MatMulNBits and MatMulBnb4; see kernels/four-bit.h for the rules. With
// `error`, what they stand for is compared with x on the way.
#pragma once

#include "engine/execution.h"
#include "engine/quantize.h"

namespace pare {

// x is [k, n], row-major; blockSize a power of two from 16 to 256. data: [n, blocks, blockSize / 2] bytes;
// scales: [n, blocks]; zeroPoints (null: symmetric): [n, ceil(blocks / 2)] bytes, two a byte.
Status packMatMulNBits(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize,
                       uint8_t* data, UnalignedFloat* scales, uint8_t* zeroPoints, uint64_t* nanCount,
                       QuantizationError* error = nullptr);

// x is [k, n], row-major; the packed order is that of its transpose. data: ceil(k · n / 2) bytes;
// absmax: ceil(k · n / blockSize).
Status packBnb4(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize, bool isNf4,
                uint8_t* data, UnalignedFloat* absmax, uint64_t* nanCount, QuantizationError* error = nullptr);

}  // namespace pare
