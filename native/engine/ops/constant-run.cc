// Running what makes tensors from nothing or from sizes: Constant, ConstantOfShape, Range, Shape, Size, EyeLike.
#include <cmath>
#include <cstring>

#include "engine/run.h"
#include "engine/strided-copy.h"

namespace pare {
namespace {

struct BytesState : NodeState {
  std::vector<int64_t> dims;
  std::vector<uint8_t> own;
  std::span<const uint8_t> bytes;

  template <class T, class Values>
  void take(const Values& values) {
    own.resize(values.size() * sizeof(T));
    for (size_t i = 0; i < values.size(); i++) {
      const T value = static_cast<T>(values[i]);
      std::memcpy(own.data() + i * sizeof(T), &value, sizeof(T));
    }
    bytes = own;
  }
};

Status prepareConstant(PrepareContext& c) {
  auto& state = c.make<BytesState>();
  for (const Attribute& one : c.node().attributes) {
    if (one.name == "value") {
      const Tensor& tensor = c.tensor(one.index);
      if (!tensor.hasBytes || tensor.dtype == DataType::string) return c.unsupported("a value of strings does not run");
      state.dims = tensor.dims;
      state.bytes = tensor.bytes;
    } else if (one.name == "value_int") {
      state.take<int64_t>(std::vector<int64_t>{one.integer});
    } else if (one.name == "value_ints") {
      state.dims = {static_cast<int64_t>(one.integers.size())};
      state.take<int64_t>(one.integers);
    } else if (one.name == "value_float") {
      state.take<float>(std::vector<double>{one.real});
    } else if (one.name == "value_floats") {
      state.dims = {static_cast<int64_t>(one.reals.size())};
      state.take<float>(one.reals);
    } else {
      return c.unsupported(std::string(one.name) + " does not run");
    }
  }
  return Status::success();
}

Status runConstant(RunContext& c) {
  const auto& state = c.state<BytesState>();
  if (Status status = c.ensure(0, state.dims); !status.ok()) return status;
  const TensorView& y = c.out(0);
  if (y.byteLength() != state.bytes.size()) return c.shapeError("the value's bytes do not fit its dimensions");
  if (y.byteLength() > 0) std::memcpy(y.data, state.bytes.data(), y.byteLength());
  return Status::success();
}

Status prepareConstantOfShape(PrepareContext& c) {
  auto& state = c.make<BytesState>();
  if (const Attribute* value = c.node().attribute("value")) {
    const Tensor& tensor = c.tensor(value->index);
    if (!types::movable.contains(tensor.dtype))
      return c.unsupported(std::string("a value of ") + dataTypeName(tensor.dtype) + " does not run");
    state.bytes = tensor.bytes;
    if (!tensor.hasBytes || tensor.bytes.size() != bitsOf(tensor.dtype) / 8)
      return Status::shape(c.label() + ": value must be one element");
  } else {
    state.take<float>(std::vector<double>{0});
  }
  return Status::success();
}

Status runConstantOfShape(RunContext& c) {
  const TensorView &shape = c.in(0), &y = c.out(0);
  if (shape.count() != y.rank()) return c.shapeError("the input is no list of sizes that fits");
  StridedCopy copy(y.elementSize());
  copy.axis(y.count(), 0, static_cast<ptrdiff_t>(y.elementSize()));
  return copy.run(*c.execution, c.state<BytesState>().bytes.data(), y.data);
}

// max(⌈(limit − start)/delta⌉, 0) numbers.
template <class T>
Status rangeAs(const RunContext& c) {
  const T start = c.in(0).as<const T>()[0], limit = c.in(1).as<const T>()[0], delta = c.in(2).as<const T>()[0];
  int64_t count = 0;
  if (delta == 0) return c.shapeError("delta is 0");
  if constexpr (std::is_floating_point_v<T>) {
    const double many =
        std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
    if (!(many < 9e15)) return c.shapeError("start, limit and delta make no list of numbers");
    count = static_cast<int64_t>(std::max(many, 0.0));
  } else if ((delta > 0) == (limit > start) && limit != start) {
    const auto from = static_cast<uint64_t>(delta > 0 ? start : limit),
               to = static_cast<uint64_t>(delta > 0 ? limit : start);
    const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : -static_cast<uint64_t>(delta);
    const uint64_t many = (to - from - 1) / step + 1;
    if (many > static_cast<uint64_t>(INT64_MAX)) return c.shapeError("more numbers than 64 bits can count");
    count = static_cast<int64_t>(many);
  }
  if (Status status = c.ensure(0, std::array{count}); !status.ok()) return status;
  auto* out = c.out(0).as<T>();
  c.execution->forEachChunk(static_cast<size_t>(count), size_t{1} << 15, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      if constexpr (std::is_floating_point_v<T>)
        out[i] = start + static_cast<T>(i) * delta;
      else
        out[i] = static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
    }
  });
  return c.execution->outcome();
}

Status runRange(RunContext& c) {
  for (const size_t input : {0, 1, 2})
    if (c.in(input).count() != 1) return c.shapeError(c.reader().inputName(input) + " must be one number");
  switch (c.in(0).dtype) {
    case DataType::float32:
      return rangeAs<float>(c);
    case DataType::float64:
      return rangeAs<double>(c);
    case DataType::int16:
      return rangeAs<int16_t>(c);
    case DataType::int32:
      return rangeAs<int32_t>(c);
    default:
      return rangeAs<int64_t>(c);
  }
}
Status prepareRange(PrepareContext& c) {
  return c.needType(types::f32 | types::f64 | types::i16 | types::i32 | types::i64);
}

Status runShape(RunContext& c) {
  const TensorView& x = c.in(0);
  const NodeReader reader = c.reader();
  const auto rank = static_cast<int64_t>(x.rank());
  const auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? std::max(at, -rank) + rank : at, 0, rank); };
  const int64_t start = bound(reader.integer("start")),
                end = reader.hasAttribute("end") ? bound(reader.integer("end")) : rank;
  const int64_t count = std::max<int64_t>(end - start, 0);
  if (Status status = c.ensure(0, std::array{count}); !status.ok()) return status;
  for (int64_t i = 0; i < count; i++) c.out(0).as<int64_t>()[i] = x.dims[static_cast<size_t>(start + i)];
  return Status::success();
}

Status runSize(RunContext& c) {
  c.out(0).as<int64_t>()[0] = static_cast<int64_t>(c.in(0).count());
  return Status::success();
}

Status prepareEyeLike(PrepareContext& c) {
  auto& state = c.make<BytesState>();
  switch (c.out(0).dtype) {
    case DataType::float32:
      state.take<float>(std::array{1});
      break;
    case DataType::float64:
      state.take<double>(std::array{1});
      break;
    case DataType::float16:
      state.take<uint16_t>(std::array{0x3c00});
      break;
    case DataType::bfloat16:
      state.take<uint16_t>(std::array{0x3f80});
      break;
    default:
      // Integers and booleans: little-endian.
      state.take<uint64_t>(std::array{1});
  }
  return types::movable.contains(c.out(0).dtype) ? Status::success() : c.unsupported("such a dtype does not run");
}

// Ones on the k-th diagonal of a matrix of zeros.
Status runEyeLike(RunContext& c) {
  const TensorView& y = c.out(0);
  const int64_t rows = y.dims[0], columns = y.dims[1], k = c.reader().integer("k");
  if (y.byteLength() > 0) std::memset(y.data, 0, y.byteLength());
  if (k <= -rows || k >= columns) return Status::success();
  const size_t size = y.elementSize();
  for (int64_t row = std::max<int64_t>(-k, 0); row < rows && row + k < columns; row++)
    std::memcpy(y.data + static_cast<size_t>(row * columns + row + k) * size, c.state<BytesState>().bytes.data(), size);
  return Status::success();
}

const OpRuns runs({
    {"Constant", runConstant, prepareConstant},
    {"ConstantOfShape", runConstantOfShape, prepareConstantOfShape},
    {"Range", runRange, prepareRange},
    {"Shape", runShape},
    {"Size", runSize},
    {"EyeLike", runEyeLike, prepareEyeLike},
});

}  // namespace
}  // namespace pare
