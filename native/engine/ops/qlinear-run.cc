// Running ONNX Runtime's ops on bytes that stand on grids: sums, products, functions by tables, concatenation, pools.
#include <array>
#include <cmath>
#include <cstring>

#include "engine/broadcast.h"
#include "engine/run.h"

namespace pare {
namespace {

using namespace row;

struct Grid {
  float scale = 1;
  int32_t zeroPoint = 0;

  bool operator==(const Grid&) const = default;
};

Status readGrid(const RunContext& c, size_t scale, size_t zeroPoint, Grid& grid) {
  for (const size_t input : {scale, zeroPoint})
    if (c.has(input) && c.in(input).count() != 1)
      return Status::shape(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                           std::to_string(c.in(input).count()) + " numbers; there must be one");
  if (c.in(scale).dtype != DataType::float32)
    return Status::type(c.reader().label() + ": " + c.reader().inputName(scale) + " must be float32");
  grid.scale = c.in(scale).floats()[0];
  if (!c.has(zeroPoint)) return Status::success();
  const TensorView& zero = c.in(zeroPoint);
  grid.zeroPoint = zero.dtype == DataType::int8 ? zero.as<int8_t>()[0] : zero.data[0];
  return Status::success();
}

bool isSigned(const TensorView& view) { return view.dtype == DataType::int8; }

uint8_t byteOf(float value, const Grid& grid, bool isByteSigned) {
  const auto least = static_cast<float>((isByteSigned ? -128 : 0) - grid.zeroPoint);
  const auto most = static_cast<float>((isByteSigned ? 127 : 255) - grid.zeroPoint);
  float steps = value / grid.scale;
  steps = steps > least ? steps : least;
  steps = steps < most ? steps : most;
  return static_cast<uint8_t>(static_cast<int32_t>(std::nearbyintf(steps)) + grid.zeroPoint);
}

// What every byte becomes.
using Table = std::array<uint8_t, 256>;
template <class Function>
Table tableOf(const Grid& from, const Grid& to, bool isByteSigned, Function&& function) {
  Table table;
  for (size_t i = 0; i < table.size(); i++) {
    const int32_t x = isByteSigned ? static_cast<int8_t>(i) : static_cast<int32_t>(i);
    const float value = from.scale * (static_cast<float>(x) - static_cast<float>(from.zeroPoint));
    table[i] = byteOf(function(value), to, isByteSigned);
  }
  return table;
}

// ---- Functions of one byte
template <class Function>
Status runTable(RunContext& c, Function&& function) {
  Grid from, to;
  if (Status status = readGrid(c, 1, 2, from); !status.ok()) return status;
  if (Status status = readGrid(c, 3, 4, to); !status.ok()) return status;
  const TensorView& x = c.in(0);
  const Table table = tableOf(from, to, isSigned(x), function);
  const uint8_t* in = x.data;
  uint8_t* out = c.out(0).data;
  c.execution->forEachChunk(x.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) out[i] = table[in[i]];
  });
  return c.execution->outcome();
}
Status runSigmoid(RunContext& c) {
  return runTable(c, [](float x) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x)))); });
}
Status runLeakyRelu(RunContext& c) {
  const auto alpha = static_cast<float>(c.reader().real("alpha"));
  return runTable(c, [alpha](float x) { return x >= 0 ? x : alpha * x; });
}

// ---- Sums and products
template <class Kernel>
Status runBinary(RunContext& c, Kernel&& kernel) {
  const TensorView &a = c.in(0), &b = c.in(3);
  const BroadcastWalk::Input inputs[] = {{a.data, a.dims, 1}, {b.data, b.dims, 1}};
  BroadcastWalk walk;
  if (Status status = BroadcastWalk::create(inputs, walk); !status.ok()) return status;
  const size_t aStep = walk.isArray(0) ? 1 : 0, bStep = walk.isArray(1) ? 1 : 0;
  uint8_t* out = c.out(0).data;
  walk.forEachRow(*c.execution, elementwiseGrain,
                  [&](size_t start, size_t length, const BroadcastWalk::Pointers& from) {
                    kernel(reinterpret_cast<const uint8_t*>(from[0]), aStep, reinterpret_cast<const uint8_t*>(from[1]),
                           bStep, length, isSigned(a), out + start);
                  });
  return c.execution->outcome();
}

Status readGrids(const RunContext& c, Grid& a, Grid& b, Grid& y) {
  if (Status status = readGrid(c, 1, 2, a); !status.ok()) return status;
  if (Status status = readGrid(c, 4, 5, b); !status.ok()) return status;
  return readGrid(c, 6, 7, y);
}
Status runAdd(RunContext& c) {
  Grid a, b, y;
  if (Status status = readGrids(c, a, b, y); !status.ok()) return status;
  ByteSum sum{.aScale = a.scale / y.scale, .bScale = b.scale / y.scale, .offset = 0};
  sum.offset = static_cast<float>(y.zeroPoint) -
               (sum.aScale * static_cast<float>(a.zeroPoint) + sum.bScale * static_cast<float>(b.zeroPoint));
  const auto add = c.execution->kernels.byteArithmetic->add;
  return runBinary(
      c, [&](const uint8_t* from, size_t aStep, const uint8_t* other, size_t bStep, size_t count, bool isByteSigned,
             uint8_t* to) { add(from, aStep, other, bStep, count, isByteSigned, sum, to); });
}
Status runMul(RunContext& c) {
  Grid a, b, y;
  if (Status status = readGrids(c, a, b, y); !status.ok()) return status;
  const ByteProduct product{.aZero = a.zeroPoint,
                            .bZero = b.zeroPoint,
                            .scale = a.scale * b.scale / y.scale,
                            .zeroPoint = static_cast<float>(y.zeroPoint)};
  const auto multiply = c.execution->kernels.byteArithmetic->multiply;
  return runBinary(
      c, [&](const uint8_t* from, size_t aStep, const uint8_t* other, size_t bStep, size_t count, bool isByteSigned,
             uint8_t* to) { multiply(from, aStep, other, bStep, count, isByteSigned, product, to); });
}

// ---- Concatenation: y's grid, then each input with its own
Status prepareConcat(PrepareContext& c) {
  for (size_t i = 2; i < c.inputCount(); i++) {
    if (!c.has(i)) return Status::model(c.label() + ": input " + std::to_string(i) + " is left out");
    const size_t part = (i - 2) % 3;
    if (Status status = c.needType(part == 1 ? f32 : bytes, i); !status.ok()) return status;
    if (part == 0 && c.in(i).dtype != c.out(0).dtype) return c.unsupported("inputs of mixed types do not run");
  }
  if ((c.inputCount() - 2) % 3 != 0)
    return Status::model(c.label() + ": inputs must come with a scale and a zero point each");
  return Status::success();
}
Status runConcat(RunContext& c) {
  const TensorView& y = c.out(0);
  const auto rank = static_cast<int64_t>(y.rank());
  int64_t axis = c.reader().integer("axis");
  if (axis < 0) axis += rank;
  const auto at = static_cast<size_t>(axis);
  const size_t outer = y.outer(at), rowBytes = y.inner(at);
  Grid to;
  if (Status status = readGrid(c, 0, 1, to); !status.ok()) return status;
  size_t offset = 0;
  for (size_t i = 2; i + 2 < c.inputs.size(); i += 3) {
    const TensorView& x = c.in(i);
    Grid from;
    if (Status status = readGrid(c, i + 1, i + 2, from); !status.ok()) return status;
    const size_t length = x.inner(at);
    const bool isSame = from == to;
    const Table table = tableOf(from, to, isSigned(y), [](float value) { return value; });
    c.execution->forEachChunk(outer, std::max<size_t>(1, elementwiseGrain / std::max<size_t>(length, 1)),
                              [&](size_t begin, size_t end) {
                                for (size_t row = begin; row < end; row++) {
                                  const uint8_t* in = x.data + row * length;
                                  uint8_t* out = y.data + row * rowBytes + offset;
                                  if (isSame && length > 0) std::memcpy(out, in, length);
                                  for (size_t j = 0; j < length && !isSame; j++) out[j] = table[in[j]];
                                }
                              });
    offset += length;
  }
  return c.execution->outcome();
}

// ---- Softmax, by a table of exponentials of the distance from the largest
Status runSoftmax(RunContext& c) {
  Grid from, to;
  if (Status status = readGrid(c, 1, 2, from); !status.ok()) return status;
  if (Status status = readGrid(c, 3, 4, to); !status.ok()) return status;
  const TensorView &x = c.in(0), &y = c.out(0);
  if (x.count() == 0) return Status::success();
  const auto rank = static_cast<int64_t>(x.rank());
  int64_t axis = c.reader().integer("axis");
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= std::max<int64_t>(rank, 1))
    return Status::option(c.reader().label() + ": there is no such axis");
  const bool isLast = c.reader().integer("opset") < 13;  // everything from the axis on is one row
  const auto at = static_cast<size_t>(axis);
  const size_t length = rank == 0 ? 1 : isLast ? x.inner(at) : static_cast<size_t>(x.dims[at]);
  const size_t inner = rank == 0 || isLast ? 1 : x.inner(at + 1);
  std::array<float, 256> exponentials;
  for (size_t i = 0; i < exponentials.size(); i++)
    exponentials[i] = static_cast<float>(std::exp(-static_cast<double>(i) * static_cast<double>(from.scale)));
  const uint8_t flip = isSigned(x) ? 0x80 : 0;
  const size_t rows = x.count() / length;
  c.execution->forEachChunk(rows, std::max<size_t>(1, elementwiseGrain / length), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const size_t first = row / inner * inner * length + row % inner;
      const uint8_t* in = x.data + first;
      uint8_t* out = y.data + first;
      uint8_t largest = 0;
      for (size_t i = 0; i < length; i++) largest = std::max<uint8_t>(largest, in[i * inner] ^ flip);
      double sum = 0;
      for (size_t i = 0; i < length; i++) sum += static_cast<double>(exponentials[largest - (in[i * inner] ^ flip)]);
      for (size_t i = 0; i < length; i++) {
        const float part = exponentials[largest - (in[i * inner] ^ flip)];
        out[i * inner] = byteOf(static_cast<float>(static_cast<double>(part) / sum), to, isSigned(y));
      }
    }
  });
  return c.execution->outcome();
}

// ---- The mean of an image
Status runGlobalAveragePool(RunContext& c) {
  Grid from, to;
  if (Status status = readGrid(c, 1, 2, from); !status.ok()) return status;
  if (Status status = readGrid(c, 3, 4, to); !status.ok()) return status;
  const TensorView &x = c.in(0), &y = c.out(0);
  const bool isChannelsLast = c.reader().integer("channels_last") != 0;
  const size_t batch = static_cast<size_t>(x.dims[0]);
  const auto channels = static_cast<size_t>(isChannelsLast ? x.dims.back() : x.dims[1]);
  const size_t planes = batch * channels;
  if (planes == 0) return Status::success();
  const size_t size = x.count() / planes, step = isChannelsLast ? channels : 1;
  const float scale = from.scale / (to.scale * static_cast<float>(size));
  const bool isByteSigned = isSigned(x);
  c.execution->forEachChunk(
      planes, std::max<size_t>(1, elementwiseGrain / std::max<size_t>(size, 1)), [&](size_t begin, size_t end) {
        for (size_t plane = begin; plane < end; plane++) {
          const uint8_t* in =
              x.data + (isChannelsLast ? plane / channels * channels * size + plane % channels : plane * size);
          int64_t sum = 0;
          for (size_t i = 0; i < size; i++)
            sum += isByteSigned ? static_cast<int8_t>(in[i * step]) : int32_t{in[i * step]};
          sum -= static_cast<int64_t>(size) * from.zeroPoint;
          y.data[plane] = byteOf(static_cast<float>(sum) * scale, {1, to.zeroPoint}, isByteSigned);
        }
      });
  return c.execution->outcome();
}

const OpRuns runs({
    {"QLinearAdd", runAdd, nullptr, row::microsoft},
    {"QLinearMul", runMul, nullptr, row::microsoft},
    {"QLinearSigmoid", runSigmoid, nullptr, row::microsoft},
    {"QLinearLeakyRelu", runLeakyRelu, nullptr, row::microsoft},
    {"QLinearSoftmax", runSoftmax, nullptr, row::microsoft},
    {"QLinearConcat", runConcat, prepareConcat, row::microsoft},
    {"QLinearGlobalAveragePool", runGlobalAveragePool, nullptr, row::microsoft},
});

}  // namespace
}  // namespace pare
