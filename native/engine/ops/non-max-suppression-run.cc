// Running NonMaxSuppression: the best boxes of each class, none of which overlaps a better one too far.
#include <algorithm>
#include <cmath>

#include "engine/run.h"

namespace pare {
namespace {

struct Box {
  float top, left, bottom, right;

  float area() const { return (bottom - top) * (right - left); }
};

// Two opposite corners in any order, y first, or the center and the size, x first.
Box readBox(const UnalignedFloat* from, bool isCentered) {
  if (isCentered) return {from[1] - from[3] / 2, from[0] - from[2] / 2, from[1] + from[3] / 2, from[0] + from[2] / 2};
  return {std::min<float>(from[0], from[2]), std::min<float>(from[1], from[3]), std::max<float>(from[0], from[2]),
          std::max<float>(from[1], from[3])};
}

bool overlaps(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0 && width > 0)) return false;
  const float both = height * width, all = a.area() + b.area() - both;
  return all > 0 && both / all > threshold;
}

Status runNonMaxSuppression(RunContext& c) {
  const TensorView &boxes = c.in(0), &scores = c.in(1);
  const NodeReader reader = c.reader();
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dims[2] != 4 || boxes.dims[0] != scores.dims[0] ||
      boxes.dims[1] != scores.dims[2])
    return Status::shape(reader.label() +
                         ": boxes must be [batch, boxes, 4] and scores [batch, classes, boxes] of the same sizes");
  for (const size_t input : {2, 3, 4})
    if (c.has(input) && c.in(input).count() != 1)
      return Status::shape(reader.label() + ": " + reader.inputName(input) + " must be one number");
  const int64_t most = c.has(2) ? std::max<int64_t>(c.in(2).as<int64_t>()[0], 0) : 0;
  const float threshold = c.has(3) ? c.in(3).floats()[0] : 0;
  if (!(threshold >= 0 && threshold <= 1))
    return Status::option(reader.label() + ": iou_threshold is " + std::to_string(threshold) +
                          "; it must be between 0 and 1");
  const bool hasLeast = c.has(4), isCentered = reader.integer("center_point_box") != 0;
  const float least = hasLeast ? c.in(4).floats()[0] : 0;
  const auto batches = static_cast<size_t>(scores.dims[0]), classes = static_cast<size_t>(scores.dims[1]);
  const auto count = static_cast<size_t>(scores.dims[2]);
  std::vector<std::vector<int64_t>> chosen(batches * classes);
  c.execution->forEachPiece(most == 0 || count == 0 ? 0 : chosen.size(), [&](size_t i) {
    const UnalignedFloat* score = scores.floats() + i * count;
    const UnalignedFloat* box = boxes.floats() + i / classes * count * 4;
    std::vector<size_t> order;
    for (size_t j = 0; j < count; j++)
      if (hasLeast ? score[j] > least : score[j] == score[j]) order.push_back(j);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
    std::vector<Box> kept;
    for (const size_t j : order) {
      if (kept.size() >= static_cast<size_t>(most)) break;
      const Box one = readBox(box + j * 4, isCentered);
      if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return overlaps(one, other, threshold); }))
        continue;
      kept.push_back(one);
      chosen[i].push_back(static_cast<int64_t>(j));
    }
  });
  int64_t total = 0;
  for (const auto& list : chosen) total += static_cast<int64_t>(list.size());
  if (Status status = c.allocate(0, std::vector<int64_t>{total, 3}); !status.ok()) return status;
  auto* out = c.out(0).as<int64_t>();
  for (size_t i = 0; i < chosen.size(); i++)
    for (const int64_t box : chosen[i]) {
      out[0] = static_cast<int64_t>(i / classes);
      out[1] = static_cast<int64_t>(i % classes);
      out[2] = box;
      out += 3;
    }
  return c.execution->outcome();
}

const OpRuns runs({{"NonMaxSuppression", runNonMaxSuppression}});

}  // namespace
}  // namespace pare
