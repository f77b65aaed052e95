// Assembles one level's table of kernels.
#include "kernels/table.h"

#define PARE_STRINGIFY_EXPANDED(name) #name
#define PARE_STRINGIFY(name) PARE_STRINGIFY_EXPANDED(name)

namespace pare::PARE_LEVEL {

extern const Float16Kernels float16Kernels;
extern const QuantizeKernels quantizeKernels;
extern const FourBitKernels fourBitKernels;
extern const CompareKernels compareKernels;
extern const HistogramKernels histogramKernels;
extern const TransposeKernels transposeKernels;
extern const MathKernels mathKernels;
extern const BinaryKernels binaryKernels;
extern const ConvertKernels convertKernels;
extern const LogicKernels logicKernels;
extern const SoftmaxKernels softmaxKernels;
extern const LayerNormKernels layerNormKernels;
extern const ReduceKernels reduceKernels;
extern const MatmulKernels matmulKernels;
extern const MatmulIntegerKernels matmulIntegerKernels;
extern const RequantizeKernels requantizeKernels;
extern const ByteArithmeticKernels byteArithmeticKernels;
extern const FourBitProductKernels fourBitProductKernels;
extern const PruneKernels pruneKernels;
extern const RandomKernels randomKernels;
extern const ConvKernels convKernels;
extern const DepthwiseKernels depthwiseKernels;
extern const PoolKernels poolKernels;
extern const UpdateKernels updateKernels;
extern const GradientKernels gradientKernels;

extern const KernelTable kernelTable;
const KernelTable kernelTable{
    .level = PARE_STRINGIFY(PARE_LEVEL),
    .float16 = &float16Kernels,
    .quantize = &quantizeKernels,
    .fourBit = &fourBitKernels,
    .compare = &compareKernels,
    .histogram = &histogramKernels,
    .transpose = &transposeKernels,
    .math = &mathKernels,
    .binary = &binaryKernels,
    .convert = &convertKernels,
    .logic = &logicKernels,
    .softmax = &softmaxKernels,
    .layerNorm = &layerNormKernels,
    .reduce = &reduceKernels,
    .matmul = &matmulKernels,
    .matmulInteger = &matmulIntegerKernels,
    .requantize = &requantizeKernels,
    .byteArithmetic = &byteArithmeticKernels,
    .fourBitProduct = &fourBitProductKernels,
    .prune = &pruneKernels,
    .random = &randomKernels,
    .conv = &convKernels,
    .depthwise = &depthwiseKernels,
    .pool = &poolKernels,
    .update = &updateKernels,
    .gradient = &gradientKernels,
};

}  // namespace pare::PARE_LEVEL
