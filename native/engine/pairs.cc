// The operands of nodes that broadcast (see pairs.h).
#include "engine/pairs.h"

#include "engine/run.h"

namespace pare {
namespace {

// B of an old version: its dimensions are those of A from `axis` on, or A's last.
Status alignB(const RunContext& context, std::vector<int64_t>& dims) {
  const NodeReader reader = context.reader();
  const size_t rank = context.in(0).rank();
  if (!reader.hasAttribute("axis")) return Status::success();
  int64_t axis = reader.integer("axis");
  if (axis < 0) axis += static_cast<int64_t>(rank);
  if (axis < 0 || static_cast<size_t>(axis) + dims.size() > rank)
    return Status::shape(reader.label() + ": B of " + std::to_string(dims.size()) +
                         " dimensions does not fit at axis " + std::to_string(reader.integer("axis")) + " of A's " +
                         std::to_string(rank));
  dims.resize(rank - static_cast<size_t>(axis), 1);
  return Status::success();
}

}  // namespace

bool broadcastsTo(std::span<const int64_t> dims, std::span<const int64_t> result) {
  if (dims.size() > result.size()) return false;
  const std::span<const int64_t> last = result.last(dims.size());
  for (size_t i = 0; i < dims.size(); i++)
    if (dims[i] != last[i] && dims[i] != 1) return false;
  return true;
}

Status OperandPair::of(const RunContext& context, OperandPair& pair) {
  const TensorView &a = context.in(0), &b = context.in(1);
  pair.a = {a.data, a.dims};
  pair.b = {b.data, b.dims};
  if (context.opset < 7 && context.node->def->until == 6) {
    pair.aligned = b.dims;
    if (context.reader().integer("broadcast") == 0 && a.dims != b.dims)
      return Status::shape(context.reader().label() + ": A is " + shapeText(a.dims) + ", B is " + shapeText(b.dims) +
                           "; without broadcast = 1 they must be the same");
    if (Status status = alignB(context, pair.aligned); !status.ok()) return status;
    pair.b.dims = pair.aligned;
  } else if (context.opset < 7 && b.rank() == 1 && a.rank() > 2 && b.dims[0] != 1) {
    // PRelu: one slope a channel.
    pair.aligned = b.dims;
    pair.aligned.resize(a.rank() - 1, 1);
    pair.b.dims = pair.aligned;
  }
  const std::span<const int64_t> result = context.out(0).dims;
  if (broadcastsTo(pair.a.dims, result) && broadcastsTo(pair.b.dims, result)) return Status::success();
  return Status::shape(context.reader().label() + ": " + shapeText(pair.a.dims) + " and " + shapeText(pair.b.dims) +
                       " do not broadcast to " + shapeText(result));
}

}  // namespace pare
