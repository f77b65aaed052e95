// The table of kernels that each instruction-set level exports, one family a field.
#pragma once

#include "kernels/binary.h"
#include "kernels/byte-arithmetic.h"
#include "kernels/compare.h"
#include "kernels/conv.h"
#include "kernels/convert.h"
#include "kernels/depthwise.h"
#include "kernels/float16.h"
#include "kernels/four-bit-product.h"
#include "kernels/four-bit.h"
#include "kernels/gradient.h"
#include "kernels/histogram.h"
#include "kernels/layer-norm.h"
#include "kernels/logic.h"
#include "kernels/math.h"
#include "kernels/matmul-integer.h"
#include "kernels/matmul.h"
#include "kernels/pool.h"
#include "kernels/prune.h"
#include "kernels/quantize.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/requantize.h"
#include "kernels/softmax.h"
#include "kernels/transpose.h"
#include "kernels/update.h"

namespace pare {

struct KernelTable {
  const char* level;
  const Float16Kernels* float16;
  const QuantizeKernels* quantize;
  const FourBitKernels* fourBit;
  const CompareKernels* compare;
  const HistogramKernels* histogram;
  const TransposeKernels* transpose;
  const MathKernels* math;
  const BinaryKernels* binary;
  const ConvertKernels* convert;
  const LogicKernels* logic;
  const SoftmaxKernels* softmax;
  const LayerNormKernels* layerNorm;
  const ReduceKernels* reduce;
  const MatmulKernels* matmul;
  const MatmulIntegerKernels* matmulInteger;
  const RequantizeKernels* requantize;
  const ByteArithmeticKernels* byteArithmetic;
  const FourBitProductKernels* fourBitProduct;
  const PruneKernels* prune;
  const RandomKernels* random;
  const ConvKernels* conv;
  const DepthwiseKernels* depthwise;
  const PoolKernels* pool;
  const UpdateKernels* update;
  const GradientKernels* gradient;
};

}  // namespace pare
