// Convolution of float32 (see conv.h).
#include "engine/conv.h"

#include "engine/matmul-blocks.h"
#include "engine/scratch.h"

namespace pare {
namespace {

Status check(const ConvShape& shape) {
  if (shape.groups == 0 || shape.inputChannels % shape.groups != 0 || shape.outputChannels % shape.groups != 0)
    return Status::shape(std::to_string(shape.groups) + " groups divide neither into " +
                         std::to_string(shape.inputChannels) + " input channels nor into " +
                         std::to_string(shape.outputChannels) + " output channels");
  for (const ConvAxis& axis : shape.axes)
    if (axis.kernel == 0 || axis.stride == 0 || axis.dilation == 0)
      return Status::option("a convolution's kernel, strides and dilations must be 1 or more");
  return Status::success();
}

bool isDepthwise(const DepthwiseKernels& kernels, const ConvShape& shape) {
  return shape.groups == shape.inputChannels && shape.rank <= 2 && shape.axes[1].dilation == 1 &&
         kernels.has(shape.axes[1].kernel, shape.axes[2].kernel, shape.axes[1].stride, shape.axes[2].stride);
}

// The window covers the image, once: what it meets is the image as it lies.
bool isWholeImage(const ConvShape& shape) {
  for (const ConvAxis& axis : shape.axes)
    if (axis.kernel != axis.input || axis.padBegin != 0 || axis.padEnd != 0 || (axis.dilation != 1 && axis.kernel != 1))
      return false;
  return true;
}

Status depthwise(const Execution& execution, const ConvShape& shape, const UnalignedFloat* filters,
                 const UnalignedFloat* x, UnalignedFloat* y, const ConvEpilogue& epilogue) {
  const DepthwiseKernels& kernels = *execution.kernels.depthwise;
  const ConvAxis &vertical = shape.axes[1], &horizontal = shape.axes[2];
  DepthwisePlanes shared{};
  shared.height = vertical.input;
  shared.width = horizontal.input;
  shared.kernelHeight = vertical.kernel;
  shared.kernelWidth = horizontal.kernel;
  shared.strideHeight = vertical.stride;
  shared.strideWidth = horizontal.stride;
  shared.dilationWidth = horizontal.dilation;
  shared.x = x;
  shared.y = y;
  shared.weights = filters;
  shared.bias = epilogue.bias;
  shared.residual = epilogue.residual;
  shared.channels = shape.inputChannels;
  shared.padTop = vertical.padBegin;
  shared.padLeft = horizontal.padBegin;
  shared.filters = shape.outputChannels / shape.groups;
  shared.outputHeight = vertical.output();
  shared.outputWidth = horizontal.output();
  const size_t planes = shape.batch * shape.inputChannels;
  const size_t outputPlanes = shared.filters * shared.outputHeight * shared.outputWidth;
  if (planes == 0 || outputPlanes == 0) return execution.outcome();

  // Pieces of some microseconds, several of them as many for each thread: planes, or bands of a large one, whose rows
  // go by fours.
  constexpr size_t elementsEach = 32768, largePlane = 131072;
  const size_t threads = std::max(1u, execution.threads);
  const size_t plane = std::max(outputPlanes, vertical.input * horizontal.input);
  size_t pieces = ceilDivide(planes * plane, elementsEach);
  if (pieces > 1) pieces = ceilDivide(pieces, threads) * threads;
  const size_t planesEach = ceilDivide(planes, pieces);
  const size_t bands = std::min(ceilDivide(outputPlanes, largePlane), ceilDivide(shared.outputHeight, 8));
  const size_t rowsEach = ceilDivide(ceilDivide(shared.outputHeight, bands), 4) * 4;
  std::atomic<bool> noMemory{false};
  execution.forEachPiece(ceilDivide(planes, planesEach) * bands, [&](size_t i) {
    const Scratch scratch(kernels.scratchBytes(shared));
    if (!scratch.data()) {
      noMemory = true;
      return;
    }
    DepthwisePlanes piece = shared;
    piece.scratch = scratch.data();
    piece.firstRow = std::min(i % bands * rowsEach, shared.outputHeight);
    piece.endRow = std::min(piece.firstRow + rowsEach, shared.outputHeight);
    piece.firstPlane = i / bands * planesEach;
    piece.endPlane = std::min(piece.firstPlane + planesEach, planes);
    kernels.compute(piece, epilogue.activation);
  });
  return noMemory ? Status::memory("no memory for rows of an image") : execution.outcome();
}

// A matrix by a vector: channels by channels.
Status wholeImage(const Execution& execution, const ConvShape& shape, const UnalignedFloat* filters,
                  const UnalignedFloat* x, UnalignedFloat* y, const ConvEpilogue& epilogue) {
  const size_t outputs = shape.outputChannels / shape.groups;
  const size_t depth = shape.inputChannels / shape.groups * shape.kernelSize();
  const MatmulKernels& matmul = *execution.kernels.matmul;
  const ConvKernels& kernels = *execution.kernels.conv;
  constexpr size_t elementsEach = size_t{1} << 16;
  const size_t rowsEach = std::max<size_t>(4, elementsEach / std::max<size_t>(depth, 1) / 4 * 4);
  const size_t chunks = ceilDivide(outputs, rowsEach);
  execution.forEachPiece(shape.batch * shape.groups * chunks, [&](size_t i) {
    const size_t image = i / chunks, first = i % chunks * rowsEach, count = std::min(rowsEach, outputs - first);
    const size_t filter = image % shape.groups * outputs + first, at = image * outputs + first;
    matmul.matrixVector(filters + filter * depth, x + image * depth, y + at, count, depth);
    // The bias comes as what a residual is: a number a column.
    FinishBlock block{};
    block.rows = 1;
    block.columns = count;
    block.yStep = 1;
    block.c = block.y = y + at;
    if (epilogue.bias && epilogue.residual) {
      block.residual = epilogue.bias + filter;
      kernels.finish(block, {});
    }
    block.residual = epilogue.residual ? epilogue.residual + at : epilogue.bias ? epilogue.bias + filter : nullptr;
    kernels.finish(block, epilogue.activation);
  });
  return execution.outcome();
}

}  // namespace

Status PreparedConv::prepare(const Execution& execution, const ConvShape& shape, const UnalignedFloat* filters) {
  if (Status status = check(shape); !status.ok()) return status;
  filters_ = filters;
  isDepthwise_ = isDepthwise(*execution.kernels.depthwise, shape);
  packed_.reset();
  if (isDepthwise_) return execution.outcome();
  const size_t depth = shape.inputChannels / shape.groups * shape.kernelSize();
  packed_ = Blob::allocate(shape.outputChannels * depth * sizeof(float));
  if (!packed_) return Status::memory("no memory to prepare the filters of a convolution");
  packFilters(execution, filters, shape.groups, shape.outputChannels / shape.groups, depth,
              reinterpret_cast<float*>(packed_->data()));
  return execution.outcome();
}

Status conv(const Execution& execution, const PreparedConv& prepared, const ConvShape& shape, const UnalignedFloat* x,
            UnalignedFloat* y, const ConvEpilogue& epilogue) {
  if (Status status = check(shape); !status.ok()) return status;
  if (prepared.isDepthwise_) return depthwise(execution, shape, prepared.filters_, x, y, epilogue);
  if (isWholeImage(shape) && shape.inputChannels > 0)
    return wholeImage(execution, shape, prepared.filters_, x, y, epilogue);
  Correlation of{.batch = shape.batch,
                 .groups = shape.groups,
                 .inputs = shape.inputChannels / shape.groups,
                 .outputs = shape.outputChannels / shape.groups,
                 .axes = {},
                 .filters = reinterpret_cast<const float*>(prepared.packed_->data()),
                 .x = x,
                 .y = y,
                 .epilogue = epilogue};
  for (size_t i = 0; i < 3; i++) {
    const ConvAxis& axis = shape.axes[i];
    CorrelationAxis& to = of.axes[i];
    to.input = axis.input;
    to.stride = axis.stride;
    to.positions = to.output = axis.output();
    to.taps.resize(axis.kernel);
    for (size_t k = 0; k < axis.kernel; k++)
      to.taps[k] = static_cast<ptrdiff_t>(k * axis.dilation) - static_cast<ptrdiff_t>(axis.padBegin);
  }
  return correlate(execution, of);
}

}  // namespace pare
