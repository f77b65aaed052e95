// Floating-point numbers of 8 and 4 bits, one at a time: OCP's and IEEE's formats as ONNX has them
// (https://onnx.ai/onnx/technical/float8.html), and powers of two (float8e8m0).
#pragma once

#include "engine/convert.h"

namespace pare {

float fromSmallFloat(DataType dtype, uint8_t bits);
// Nearest, ties to even. What is too large becomes the largest number where `saturates`, else infinity, or NaN in
// formats that lack it; NaN becomes 0 where there is none.
uint8_t toSmallFloat(const Conversion& conversion, float value);

}  // namespace pare
