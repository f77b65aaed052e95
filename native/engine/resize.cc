// Resizing axis by axis, the last one first, a band of results at a time (see resize.h).
#include "engine/resize.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/scratch.h"

namespace pare {
namespace {

// Four floats at any address: these loops run a row at a time, on what every processor has.
typedef float Lanes __attribute__((vector_size(16)));  // NOLINT(modernize-use-using): attributes would be lost

// out[i] = Σ weights[t·stride + i] · row[index[t·stride + i]] over the taps, one after the other.
void gatherRow(const UnalignedFloat* row, const int32_t* index, const float* weights, size_t stride, size_t taps,
               UnalignedFloat* out, size_t count) {
  if (taps == 2) {
    for (size_t i = 0; i < count; i++)
      out[i] = weights[i] * row[index[i]] + weights[stride + i] * row[index[stride + i]];
    return;
  }
  for (size_t i = 0; i < count; i++) {
    float sum = weights[i] * row[index[i]];
    for (size_t t = 1; t < taps; t++) sum += weights[t * stride + i] * row[index[t * stride + i]];
    out[i] = sum;
  }
}

// out[i] = Σ weights[t] · rows[t][i] over the taps, one after the other; a row is the address of its first float.
void combineRows(const std::vector<const uint8_t*>& rows, const std::vector<float>& weights, UnalignedFloat* out,
                 size_t count) {
  const auto lanesAt = [](const uint8_t* row, size_t i) {
    Lanes lanes;
    std::memcpy(&lanes, row + i * sizeof(float), sizeof lanes);
    return lanes;
  };
  const auto floatAt = [](const uint8_t* row, size_t i) {
    return static_cast<float>(reinterpret_cast<const UnalignedFloat*>(row)[i]);
  };
  const size_t taps = rows.size();
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    Lanes sum = lanesAt(rows[0], i) * weights[0];
    for (size_t t = 1; t < taps; t++) sum += lanesAt(rows[t], i) * weights[t];
    std::memcpy(out + i, &sum, sizeof sum);
  }
  for (; i < count; i++) {
    float sum = floatAt(rows[0], i) * weights[0];
    for (size_t t = 1; t < taps; t++) sum += floatAt(rows[t], i) * weights[t];
    out[i] = sum;
  }
}

// An axis that changes, with the unchanged ones behind it as its tail.
struct Level {
  const ResizeAxis* axis;
  size_t tail = 1;
  size_t inStep = 1, outStep = 1;  // elements from one position on the axis to the next
};

struct Levels {
  size_t outer = 1;
  std::vector<Level> list;
};

Levels levelsOf(std::span<const ResizeAxis> axes) {
  Levels levels;
  for (const ResizeAxis& axis : axes) {
    if (!axis.isIdentity())
      levels.list.push_back({&axis});
    else if (levels.list.empty())
      levels.outer *= axis.input;
    else
      levels.list.back().tail *= axis.input;
  }
  size_t in = 1, out = 1;
  for (size_t i = levels.list.size(); i-- > 0;) {
    Level& level = levels.list[i];
    level.inStep = in *= level.tail;
    level.outStep = out *= level.tail;
    in *= level.axis->input;
    out *= level.axis->output;
  }
  return levels;
}

// Calls piece(outer, begin, end) for bands of the first axis that changes.
template <class Piece>
void forEachBand(const Execution& execution, const Levels& levels, Piece&& piece) {
  const Level& first = levels.list.front();
  const size_t output = first.axis->output;
  const size_t rows = std::max<size_t>(8, elementwiseGrain / std::max<size_t>(first.outStep, 1));
  const size_t bands = (output + rows - 1) / rows;
  const size_t grain = std::max<size_t>(1, elementwiseGrain / std::max<size_t>(first.outStep * output, 1));
  execution.forEachChunk(levels.outer * bands, grain, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      const size_t begin = i % bands * rows;
      piece(i / bands, begin, std::min(output, begin + rows));
    }
  });
}

class Resizer {
 public:
  Resizer(const Levels& levels, float extrapolation) : levels_(levels.list), extrapolation_(extrapolation) {}

  // The results from `begin` to before `end` of a level's axis; `out` is the place of the first of all. False: no
  // memory.
  bool run(size_t at, const UnalignedFloat* in, UnalignedFloat* out, size_t begin, size_t end) const {
    const Level& level = levels_[at];
    const ResizeAxis& axis = *level.axis;
    const bool isLast = at + 1 == levels_.size();
    if (isLast && level.tail == 1) {
      gatherRow(in, axis.index.data() + begin, axis.weights.data() + begin, axis.output, axis.taps, out + begin,
                end - begin);
    } else if (isLast) {
      combine(level, in, 0, level.tail, out, level.tail, level.tail, begin, end);
    } else if (!runBelow(at, in, out, begin, end)) {
      return false;
    }
    if (!axis.isOutside.empty())
      for (size_t i = begin; i < end; i++)
        if (axis.isOutside[i])
          for (size_t j = 0; j < level.outStep; j++) out[i * level.outStep + j] = extrapolation_;
    return true;
  }

 private:
  // Only what the band is made of is resized along the axes below.
  bool runBelow(size_t at, const UnalignedFloat* in, UnalignedFloat* out, size_t begin, size_t end) const {
    const Level& level = levels_[at];
    const ResizeAxis& axis = *level.axis;
    const size_t inRest = level.inStep / level.tail, outRest = level.outStep / level.tail;
    std::vector<uint8_t> isUsed(axis.input, 0);
    size_t low = axis.input, high = 0;
    for (size_t t = 0; t < axis.taps; t++)
      for (size_t i = begin; i < end; i++) {
        const auto row = static_cast<size_t>(axis.index[t * axis.output + i]);
        isUsed[row] = 1;
        low = std::min(low, row);
        high = std::max(high, row + 1);
      }
    const Scratch rows((high - low) * outRest * sizeof(float));
    if (!rows.data()) return false;
    for (size_t s = 0; s < level.tail; s++) {
      for (size_t row = low; row < high; row++)
        if (isUsed[row] && !run(at + 1, in + (row * level.tail + s) * inRest,
                                rows.as<UnalignedFloat>() + (row - low) * outRest, 0, levels_[at + 1].axis->output))
          return false;
      combine(level, rows.as<UnalignedFloat>(), low, outRest, out + s * outRest, level.outStep, outRest, begin, end);
    }
    return true;
  }

  void combine(const Level& level, const UnalignedFloat* from, size_t low, size_t fromStep, UnalignedFloat* out,
               size_t outStep, size_t count, size_t begin, size_t end) const {
    const ResizeAxis& axis = *level.axis;
    std::vector<const uint8_t*> rows(axis.taps);
    std::vector<float> weights(axis.taps);
    for (size_t i = begin; i < end; i++) {
      for (size_t t = 0; t < axis.taps; t++) {
        rows[t] = reinterpret_cast<const uint8_t*>(from + (static_cast<size_t>(axis.index[t * axis.output + i]) - low) *
                                                              fromStep);
        weights[t] = axis.weights[t * axis.output + i];
      }
      combineRows(rows, weights, out + i * outStep, count);
    }
  }

  const std::vector<Level>& levels_;
  float extrapolation_;
};

template <class Element>
class NearestResizer {
 public:
  using Unaligned [[gnu::aligned(1), gnu::may_alias]] = Element;

  NearestResizer(const Levels& levels, const uint8_t* fill) : levels_(levels.list) {
    std::memcpy(&fill_, fill, sizeof fill_);
  }

  void run(size_t at, const Unaligned* in, Unaligned* out, size_t begin, size_t end) const {
    const Level& level = levels_[at];
    const ResizeAxis& axis = *level.axis;
    if (at + 1 == levels_.size() && level.tail == 1) {
      gather(axis, in, out, begin, end);
      return;
    }
    for (size_t i = begin; i < end; i++) {
      Unaligned* to = out + i * level.outStep;
      const int32_t from = axis.index[i];
      if (!axis.isOutside.empty() && axis.isOutside[i]) {
        for (size_t j = 0; j < level.outStep; j++) to[j] = fill_;
        continue;
      }
      if (i > begin && axis.index[i - 1] == from && (axis.isOutside.empty() || !axis.isOutside[i - 1])) {
        std::memcpy(to, to - level.outStep, level.outStep * sizeof(Element));
        continue;
      }
      const Unaligned* row = in + static_cast<size_t>(from) * level.inStep;
      if (at + 1 == levels_.size()) {
        std::memcpy(to, row, level.tail * sizeof(Element));
        continue;
      }
      const size_t inRest = level.inStep / level.tail, outRest = level.outStep / level.tail;
      for (size_t s = 0; s < level.tail; s++)
        run(at + 1, row + s * inRest, to + s * outRest, 0, levels_[at + 1].axis->output);
    }
  }

 private:
  void gather(const ResizeAxis& axis, const Unaligned* in, Unaligned* out, size_t begin, size_t end) const {
    for (size_t i = begin; i < end; i++) out[i] = in[axis.index[i]];
    if (!axis.isOutside.empty())
      for (size_t i = begin; i < end; i++)
        if (axis.isOutside[i]) out[i] = fill_;
  }

  const std::vector<Level>& levels_;
  Element fill_;
};

template <class Element>
void runNearest(const Execution& execution, const Levels& levels, const uint8_t* x, uint8_t* y, const uint8_t* fill) {
  using Unaligned = typename NearestResizer<Element>::Unaligned;
  const NearestResizer<Element> resizer(levels, fill);
  const Level& first = levels.list.front();
  forEachBand(execution, levels, [&](size_t outer, size_t begin, size_t end) {
    resizer.run(0, reinterpret_cast<const Unaligned*>(x) + outer * first.inStep * first.axis->input,
                reinterpret_cast<Unaligned*>(y) + outer * first.outStep * first.axis->output, begin, end);
  });
}

}  // namespace

Status resize(const Execution& execution, const ResizeOptions& options, std::span<const ResizeAxis> axes,
              const UnalignedFloat* x, UnalignedFloat* y) {
  const Levels levels = levelsOf(axes);
  if (levels.list.empty()) {
    std::memcpy(y, x, levels.outer * sizeof(float));
    return execution.outcome();
  }
  const Resizer resizer(levels, options.extrapolation);
  const Level& first = levels.list.front();
  std::atomic<bool> failed{false};
  forEachBand(execution, levels, [&](size_t outer, size_t begin, size_t end) {
    if (!resizer.run(0, x + outer * first.inStep * first.axis->input, y + outer * first.outStep * first.axis->output,
                     begin, end))
      failed = true;
  });
  if (failed) return Status::memory("no memory for resizing");
  return execution.outcome();
}

Status resizeNearest(const Execution& execution, std::span<const ResizeAxis> axes, size_t elementSize, const uint8_t* x,
                     uint8_t* y, const uint8_t* fill) {
  const Levels levels = levelsOf(axes);
  if (levels.list.empty())
    std::memcpy(y, x, levels.outer * elementSize);
  else if (elementSize == 1)
    runNearest<uint8_t>(execution, levels, x, y, fill);
  else if (elementSize == 2)
    runNearest<uint16_t>(execution, levels, x, y, fill);
  else if (elementSize == 4)
    runNearest<uint32_t>(execution, levels, x, y, fill);
  else
    runNearest<uint64_t>(execution, levels, x, y, fill);
  return execution.outcome();
}

}  // namespace pare
