// Running attention of float32: for each head and some queries at a time, scores stay near while they become weights.
#include <cmath>
#include <cstring>

#include "engine/matmul.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

struct AttentionState : NodeState {
  size_t heads = 1;
  float scale = 0;  // 0: one over the root of a head's size
};

Status prepareAttention(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  if (!c.has(1) || !c.has(2)) return c.unsupported("queries, keys and values in one tensor do not run");
  for (size_t i = 3; i < c.inputCount(); i++)
    if (c.has(i) && i != 5) return c.unsupported("the input " + std::string(c.inputName(i)) + " does not run");
  for (size_t i = 1; i < 4; i++)
    if (c.wants(i)) return c.unsupported("only the first output runs");
  if (c.integer("unidirectional") != 0) return c.unsupported("unidirectional = 1 does not run");
  if (c.integer("num_heads") < 1) return Status::option(c.label() + ": num_heads must be 1 or more");
  auto& state = c.make<AttentionState>();
  state.heads = static_cast<size_t>(c.integer("num_heads"));
  if (c.hasAttribute("scale")) state.scale = static_cast<float>(c.real("scale"));
  return Status::success();
}

// The mask's rows for one head; dimensions of one element broadcast.
struct Mask {
  const UnalignedFloat* data = nullptr;
  size_t batchStride = 0, headStride = 0, rowStride = 0;
  bool isRow = true;  // a number a key, not one for all

  static Status read(const RunContext& c, size_t batch, size_t heads, size_t queries, size_t keys, Mask& mask) {
    if (!c.has(5)) return Status::success();
    const TensorView& view = c.in(5);
    const auto fits = [&](size_t axis, size_t size) {
      return view.dims[axis] == 1 || static_cast<size_t>(view.dims[axis]) == size;
    };
    if (view.dtype != DataType::float32 || view.rank() != 4 || !fits(0, batch) || !fits(1, heads) ||
        !fits(2, queries) || !fits(3, keys))
      return Status::shape(c.reader().label() + ": the attention bias must broadcast to the scores");
    mask.data = view.floats();
    mask.isRow = view.dims[3] != 1 || keys == 1;
    size_t stride = static_cast<size_t>(view.dims[3]);
    mask.rowStride = view.dims[2] == 1 ? 0 : stride;
    stride *= static_cast<size_t>(view.dims[2]);
    mask.headStride = view.dims[1] == 1 ? 0 : stride;
    stride *= static_cast<size_t>(view.dims[1]);
    mask.batchStride = view.dims[0] == 1 ? 0 : stride;
    return Status::success();
  }
};

// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MultiHeadAttention
Status runAttention(RunContext& c) {
  const auto& state = c.state<AttentionState>();
  const TensorView &query = c.in(0), &key = c.in(1), &value = c.in(2), &out = c.out(0);
  if (query.rank() != 3 || key.rank() != 3 || value.rank() != 3)
    return Status::shape(c.reader().label() + ": queries, keys and values must have three dimensions");
  const size_t batch = static_cast<size_t>(query.dims[0]), queries = static_cast<size_t>(query.dims[1]);
  const size_t keys = static_cast<size_t>(key.dims[1]), heads = state.heads;
  const size_t hidden = static_cast<size_t>(query.dims[2]), valueHidden = static_cast<size_t>(value.dims[2]);
  if (hidden % heads != 0 || valueHidden % heads != 0 || key.dims[2] != query.dims[2] || key.dims[0] != query.dims[0] ||
      value.dims[0] != query.dims[0] || value.dims[1] != key.dims[1])
    return Status::shape(c.reader().label() + ": queries, keys and values do not fit one another");
  const size_t size = hidden / heads, valueSize = valueHidden / heads;
  Mask mask;
  if (Status status = Mask::read(c, batch, heads, queries, keys, mask); !status.ok()) return status;
  if (out.count() == 0) return Status::success();
  const float scale = state.scale != 0 ? state.scale : 1 / std::sqrt(static_cast<float>(size));

  // So many queries at a time that their scores stay in the second cache level.
  const size_t block = std::clamp<size_t>((size_t{1} << 16) / std::max<size_t>(keys, 1), 8, 128);
  const size_t blocks = (queries + block - 1) / block;
  const Execution single{.kernels = c.execution->kernels, .threads = 1, .cancelled = c.execution->cancelled};
  std::atomic<bool> failed{false};
  c.execution->forEachPiece(batch * heads * blocks, [&](size_t piece) {
    const size_t first = piece % blocks * block, head = piece / blocks % heads, image = piece / blocks / heads;
    const size_t rows = std::min(block, queries - first);
    const Scratch scratch((rows * (size + keys + valueSize) + (size + valueSize) * keys) * sizeof(float));
    if (!scratch.data()) {
      failed = true;
      return;
    }
    auto* q = reinterpret_cast<UnalignedFloat*>(scratch.as<float>());
    UnalignedFloat *k = q + rows * size, *v = k + keys * size, *scores = v + keys * valueSize,
                   *result = scores + rows * keys;
    // Heads lie side by side: each is gathered into rows of its own.
    const auto gather = [&](const UnalignedFloat* from, size_t stride, size_t count, size_t width, UnalignedFloat* to) {
      for (size_t i = 0; i < count; i++) std::memcpy(to + i * width, from + i * stride, width * sizeof(float));
    };
    gather(query.floats() + (image * queries + first) * hidden + head * size, hidden, rows, size, q);
    gather(key.floats() + image * keys * hidden + head * size, hidden, keys, size, k);
    gather(value.floats() + image * keys * valueHidden + head * valueSize, valueHidden, keys, valueSize, v);
    for (size_t i = 0; i < rows * size; i++) q[i] = q[i] * scale;
    if (!matmul(single, {.m = rows, .n = keys, .k = size, .transposeB = true, .a = q, .b = k, .c = scores}).ok())
      failed = true;
    if (mask.data)
      for (size_t i = 0; i < rows; i++) {
        const UnalignedFloat* from =
            mask.data + image * mask.batchStride + head * mask.headStride + (first + i) * mask.rowStride;
        UnalignedFloat* row = scores + i * keys;
        if (mask.isRow)
          for (size_t j = 0; j < keys; j++) row[j] = row[j] + from[j];
        else
          for (size_t j = 0; j < keys; j++) row[j] = row[j] + from[0];
      }
    if (keys > 0) c.execution->kernels.softmax->rows(scores, keys, scores, keys, rows, keys);
    if (!matmul(single, {.m = rows, .n = valueSize, .k = keys, .a = scores, .b = v, .c = result}).ok()) failed = true;
    for (size_t i = 0; i < rows; i++)
      std::memcpy(out.floats() + (image * queries + first + i) * valueHidden + head * valueSize, result + i * valueSize,
                  valueSize * sizeof(float));
  });
  if (failed && !c.execution->isCancelled()) return Status::memory("no memory for a block of attention");
  return c.execution->outcome();
}

const OpRuns runs({
    {"MultiHeadAttention", runAttention, prepareAttention, row::microsoft},
});

}  // namespace
}  // namespace pare
