// Convolutions of 8-bit integers (see conv-integer.h).
#include "engine/conv-integer.h"

#include <cstring>

#include "engine/scratch.h"

namespace pare {
namespace {

int32_t valueOf(uint8_t byte, bool isSigned) { return isSigned ? static_cast<int8_t>(byte) : byte; }

// The places of an output row for which `tap` lies inside the image.
struct Inside {
  size_t begin, end;
};
Inside insideOf(const ConvAxis& axis, size_t output, size_t tap) {
  const size_t at = tap * axis.dilation;
  const size_t begin = at >= axis.padBegin ? 0 : (axis.padBegin - at + axis.stride - 1) / axis.stride;
  const size_t limit = axis.input + axis.padBegin;  // position · stride + at must stay below
  const size_t end = limit > at ? (limit - at + axis.stride - 1) / axis.stride : 0;
  return {std::min(begin, output), std::clamp(end, std::min(begin, output), output)};
}

class IntegerConv {
 public:
  IntegerConv(const Execution& execution, const ConvIntegerArguments& of)
      : execution_(execution), of_(of), shape_(of.shape) {
    for (size_t i = 0; i < 3; i++) outputs_[i] = shape_.axes[i].output();
    positions_ = outputs_[0] * outputs_[1] * outputs_[2];
    imageSize_ = shape_.axes[0].input * shape_.axes[1].input * shape_.axes[2].input;
    inputs_ = shape_.inputChannels / shape_.groups;
    filters_ = shape_.outputChannels / shape_.groups;
    depth_ = inputs_ * shape_.kernelSize();
  }

  Status run() const {
    if (shape_.batch * shape_.outputChannels * positions_ == 0) return execution_.outcome();
    if (isPointwise()) return pointwise();
    if (filters_ * inputs_ <= 4) return hasLongRows() ? directPlanes() : direct();
    return unfolded();
  }

 private:
  bool isSums() const { return of_.result.kind == MatmulIntegerResult::Kind::sums; }
  size_t ySize() const { return of_.result.kind == MatmulIntegerResult::Kind::bytes ? 1 : 4; }
  bool isPointwise() const {
    for (const ConvAxis& axis : shape_.axes)
      if (axis.kernel != 1 || axis.stride != 1 || axis.padBegin != 0 || axis.padEnd != 0) return false;
    return true;
  }

  // The product for a group of an image: its filters by `columns` positions from `first` on.
  MatmulIntegerArguments productOf(size_t image, size_t group, size_t first, size_t columns, const uint8_t* b,
                                   int32_t* sums) const {
    const size_t filter = group * filters_;
    MatmulIntegerArguments product{.m = filters_,
                                   .n = columns,
                                   .k = depth_,
                                   .aSigned = of_.filtersSigned,
                                   .bSigned = of_.xSigned,
                                   .a = of_.filters + filter * depth_,
                                   .b = b,
                                   .aZero = of_.filterZeros + (of_.filterZeroCount > 1 ? filter : 0),
                                   .bZero = &of_.xZero,
                                   .aZeroCount = of_.filterZeroCount > 1 ? filters_ : of_.filterZeroCount,
                                   .bZeroCount = 1,
                                   .c = reinterpret_cast<UnalignedInt32*>(sums),
                                   .result = of_.result};
    MatmulIntegerResult& result = product.result;
    if (isSums()) return product;
    result.perRow = true;
    result.scales += filter;
    if (result.offsets) result.offsets += filter;
    if (result.bias) result.bias += filter;
    result.y = of_.result.y + ((image * shape_.outputChannels + filter) * positions_ + first) * ySize();
    result.yStride = positions_;
    return product;
  }
  int32_t* sumsAt(size_t plane, size_t first) const {
    return reinterpret_cast<int32_t*>(of_.result.y) + plane * positions_ + first;
  }

  Status pointwise() const {
    const Scratch scratch(isSums() ? 0 : filters_ * positions_ * sizeof(int32_t));
    if (!scratch.data()) return Status::memory("no memory for the sums of a convolution");
    for (size_t i = 0; i < shape_.batch * shape_.groups; i++) {
      int32_t* sums = isSums() ? sumsAt(i * filters_, 0) : scratch.as<int32_t>();
      if (Status status = matmulInteger(execution_, productOf(i / shape_.groups, i % shape_.groups, 0, positions_,
                                                              of_.x + i * inputs_ * imageSize_, sums));
          !status.ok())
        return status;
    }
    return execution_.outcome();
  }

  Status unfolded() const {
    constexpr size_t fewest = 64, most = 4096, bytesEach = size_t{1} << 18, sumsEach = size_t{1} << 17;
    const size_t wanted = std::clamp(std::min(bytesEach / depth_, sumsEach / filters_) / fewest * fewest, fewest, most);
    const size_t columnsEach = std::min(wanted, positions_);
    const size_t chunks = (positions_ + columnsEach - 1) / columnsEach;
    std::atomic<bool> failed{false};
    const Execution single{.kernels = execution_.kernels, .threads = 1, .cancelled = execution_.cancelled};
    execution_.forEachPiece(shape_.batch * shape_.groups * chunks, [&](size_t i) {
      const size_t part = i / chunks, first = i % chunks * columnsEach;
      const size_t columns = std::min(columnsEach, positions_ - first);
      const Scratch scratch(columns * (filters_ * sizeof(int32_t) + depth_));
      if (!scratch.data()) {
        failed = true;
        return;
      }
      auto* sums = scratch.as<int32_t>();
      auto* met = reinterpret_cast<uint8_t*>(sums + filters_ * columns);
      unfold(of_.x + part * inputs_ * imageSize_, first, columns, met);
      if (!matmulInteger(single, productOf(part / shape_.groups, part % shape_.groups, first, columns, met, sums)).ok())
        failed = true;
      if (isSums())
        for (size_t f = 0; f < filters_; f++)
          std::memcpy(of_.result.y + ((part * filters_ + f) * positions_ + first) * sizeof(int32_t), sums + f * columns,
                      columns * sizeof(int32_t));
    });
    return failed && !execution_.isCancelled() ? Status::memory("no memory for a part of a convolution")
                                               : execution_.outcome();
  }

  // What each element of the window meets at positions [first, first + columns): [depth, columns].
  void unfold(const uint8_t* x, size_t first, size_t columns, uint8_t* to) const {
    const ConvAxis &a = shape_.axes[0], &b = shape_.axes[1], &c = shape_.axes[2];
    for (size_t channel = 0; channel < inputs_; channel++, x += imageSize_)
      for (size_t i = 0; i < a.kernel; i++)
        for (size_t j = 0; j < b.kernel; j++)
          for (size_t k = 0; k < c.kernel; k++, to += columns)
            for (size_t at = 0, length; at < columns; at += length) {
              const size_t position = first + at, column = position % outputs_[2], row = position / outputs_[2];
              length = std::min(outputs_[2] - column, columns - at);
              const Inside inside = insideOf(c, outputs_[2], k);
              size_t begin = std::clamp(inside.begin, column, column + length) - column;
              size_t end = std::clamp(inside.end, column, column + length) - column;
              const uint8_t* from = rowAt(x, row / outputs_[1], row % outputs_[1], i, j);
              if (!from || end <= begin) begin = end = length;
              std::memset(to + at, of_.xZero, begin);
              if (begin < end) {
                from += (column + begin) * c.stride + k * c.dilation - c.padBegin;
                if (c.stride == 1)
                  std::memcpy(to + at + begin, from, end - begin);
                else
                  for (size_t p = begin; p < end; p++) to[at + p] = from[(p - begin) * c.stride];
              }
              std::memset(to + at + end, of_.xZero, length - end);
            }
  }

  // The image's row that an element of the window meets; null where that is padding.
  const uint8_t* rowAt(const uint8_t* x, size_t outer, size_t row, size_t i, size_t j) const {
    const ConvAxis &a = shape_.axes[0], &b = shape_.axes[1];
    const size_t plane = outer * a.stride + i * a.dilation, line = row * b.stride + j * b.dilation;
    if (plane < a.padBegin || plane - a.padBegin >= a.input || line < b.padBegin || line - b.padBegin >= b.input)
      return nullptr;
    return x + ((plane - a.padBegin) * b.input + (line - b.padBegin)) * shape_.axes[2].input;
  }

  // Whether a padded plane, read from end to end, has what one element of the window meets at every position: the rows
  // of positions then lie as far apart as those of the image, and what lies between them is computed and dropped.
  bool hasLongRows() const {
    const ConvAxis &a = shape_.axes[0], &b = shape_.axes[1], &c = shape_.axes[2];
    return a.kernel == 1 && a.input == 1 && outputs_[0] == 1 && a.padBegin == 0 && b.stride == c.stride;
  }

  Status directPlanes() const {
    constexpr size_t grain = 16384;
    const ConvAxis &b = shape_.axes[1], &c = shape_.axes[2];
    const size_t width = c.padBegin + c.input + c.padEnd, height = b.padBegin + b.input + b.padEnd;
    const size_t length = (outputs_[1] - 1) * width + outputs_[2];
    std::atomic<bool> failed{false};
    execution_.forEachChunk(shape_.batch * shape_.outputChannels, std::max<size_t>(1, grain / length),
                            [&](size_t begin, size_t end) {
                              const Scratch scratch(length * (sizeof(int32_t) + 1) + width * height);
                              if (!scratch.data()) failed = true;
                              for (size_t plane = begin; plane < end && scratch.data(); plane++)
                                directPlane(plane, width, height, length, scratch.as<int32_t>());
                            });
    return failed ? Status::memory("no memory for a plane of a convolution") : execution_.outcome();
  }

  void directPlane(size_t plane, size_t width, size_t height, size_t length, int32_t* sums) const {
    const ConvAxis &b = shape_.axes[1], &c = shape_.axes[2];
    const size_t image = plane / shape_.outputChannels, filter = plane % shape_.outputChannels;
    auto* bytes = reinterpret_cast<uint8_t*>(sums + length);
    uint8_t* padded = bytes + length;
    std::fill_n(sums, length, 0);
    std::memset(padded, of_.xZero, width * height);
    const uint8_t* weights = of_.filters + filter * depth_;
    const uint8_t* x = of_.x + (image * shape_.inputChannels + filter / filters_ * inputs_) * imageSize_;
    for (size_t channel = 0; channel < inputs_; channel++, x += imageSize_) {
      for (size_t row = 0; row < b.input; row++)
        std::memcpy(padded + (b.padBegin + row) * width + c.padBegin, x + row * c.input, c.input);
      for (size_t i = 0; i < b.kernel; i++)
        for (size_t j = 0; j < c.kernel; j++)
          execution_.kernels.byteArithmetic->accumulate(padded + i * b.dilation * width + j * c.dilation, c.stride,
                                                        length, of_.xSigned, valueOf(of_.xZero, of_.xSigned),
                                                        valueOf(*weights++, of_.filtersSigned) - zeroOf(filter), sums);
    }
    const auto* from = reinterpret_cast<const uint8_t*>(sums);
    if (!isSums()) {
      // Floats may take the place of their sums.
      uint8_t* to = ySize() == 1 ? bytes : reinterpret_cast<uint8_t*>(sums);
      finish(filter, sums, length, to);
      from = to;
    }
    for (size_t row = 0; row < outputs_[1]; row++)
      std::memcpy(of_.result.y + (plane * positions_ + row * outputs_[2]) * ySize(), from + row * width * ySize(),
                  outputs_[2] * ySize());
  }

  int32_t zeroOf(size_t filter) const {
    if (of_.filterZeroCount == 0) return 0;
    return valueOf(of_.filterZeros[of_.filterZeroCount > 1 ? filter : 0], of_.filtersSigned);
  }

  // What `count` sums of a filter become.
  void finish(size_t filter, const int32_t* sums, size_t count, uint8_t* y) const {
    const MatmulIntegerResult& result = of_.result;
    const SumBlock block{.sums = sums,
                         .stride = count,
                         .rows = 1,
                         .columns = count,
                         .perRow = true,
                         .offsets = result.offsets ? result.offsets + filter : nullptr,
                         .scales = result.scales + filter};
    if (result.kind == MatmulIntegerResult::Kind::bytes)
      execution_.kernels.requantize->toBytes(block, result.grid, y, count);
    else
      execution_.kernels.requantize->toFloats(block, result.bias ? result.bias + filter : nullptr,
                                              reinterpret_cast<UnalignedFloat*>(y), count);
  }

  Status direct() const {
    constexpr size_t grain = 8192;
    const size_t rowCount = outputs_[0] * outputs_[1], width = outputs_[2];
    std::atomic<bool> failed{false};
    execution_.forEachChunk(shape_.batch * shape_.outputChannels * rowCount, std::max<size_t>(1, grain / width),
                            [&](size_t begin, size_t end) {
                              const Scratch sums(width * sizeof(int32_t));
                              if (!sums.data()) failed = true;
                              for (size_t i = begin; i < end && sums.data(); i++)
                                directRow(i / rowCount, i % rowCount, sums.as<int32_t>());
                            });
    return failed ? Status::memory("no memory for a row of a convolution") : execution_.outcome();
  }

  // One row of one plane of y.
  void directRow(size_t plane, size_t row, int32_t* scratch) const {
    const ConvAxis &a = shape_.axes[0], &b = shape_.axes[1], &c = shape_.axes[2];
    const ByteArithmeticKernels& kernels = *execution_.kernels.byteArithmetic;
    const size_t image = plane / shape_.outputChannels, filter = plane % shape_.outputChannels;
    const size_t width = outputs_[2], first = row * width;
    const uint8_t* weights = of_.filters + filter * depth_;
    const int32_t zero = valueOf(of_.xZero, of_.xSigned);
    const int32_t weightZero = zeroOf(filter);
    int32_t* sums = scratch;
    std::fill_n(sums, width, 0);
    const uint8_t* x = of_.x + (image * shape_.inputChannels + filter / filters_ * inputs_) * imageSize_;
    for (size_t channel = 0; channel < inputs_; channel++, x += imageSize_)
      for (size_t i = 0; i < a.kernel; i++)
        for (size_t j = 0; j < b.kernel; j++, weights += c.kernel) {
          const uint8_t* from = rowAt(x, row / outputs_[1], row % outputs_[1], i, j);
          for (size_t k = 0; from && k < c.kernel; k++) {
            const Inside inside = insideOf(c, width, k);
            if (inside.begin >= inside.end) continue;
            kernels.accumulate(from + inside.begin * c.stride + k * c.dilation - c.padBegin, c.stride,
                               inside.end - inside.begin, of_.xSigned, zero,
                               valueOf(weights[k], of_.filtersSigned) - weightZero, sums + inside.begin);
          }
        }
    if (isSums()) {
      std::memcpy(of_.result.y + (plane * positions_ + first) * sizeof(int32_t), sums, width * sizeof(int32_t));
      return;
    }
    finish(filter, sums, width, of_.result.y + (plane * positions_ + first) * ySize());
  }

  const Execution& execution_;
  const ConvIntegerArguments& of_;
  const ConvShape& shape_;
  size_t outputs_[3], positions_, imageSize_, inputs_, filters_, depth_;
};

}  // namespace

Status convInteger(const Execution& execution, const ConvIntegerArguments& arguments) {
  return IntegerConv(execution, arguments).run();
}

}  // namespace pare
