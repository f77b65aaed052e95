// Quantizing tensors over the thread pool (see quantize.h).
#include "engine/quantize.h"

#include <atomic>
#include <cmath>

#include "engine/quantization-walk.h"
#include "engine/scratch.h"

namespace pare {
namespace {

struct Bounds {
  int32_t low, high;
};

// What the type can hold.
Bounds boundsOf(QuantizedType type) {
  switch (type) {
    case QuantizedType::int8:
      return {-128, 127};
    case QuantizedType::uint8:
      return {0, 255};
    case QuantizedType::int16:
      return {-32768, 32767};
    case QuantizedType::uint16:
      return {0, 65535};
    case QuantizedType::int4:
      return {-8, 7};
    case QuantizedType::uint4:
      return {0, 15};
  }
  return {0, 0};
}

// What scales are computed for: ONNX_INT_TYPE_REDUCED_RANGE, ONNX_INT_TYPE_SYMMETRIC_RANGE, else all of it.
Bounds scaleBounds(QuantizedType type, bool symmetric, bool reduceRange) {
  const Bounds all = boundsOf(type);
  if (reduceRange) {
    if (type == QuantizedType::int8 || type == QuantizedType::int16) return {all.low / 2, (all.high + 1) / 2};
    return {all.low / 2, all.high / 2};
  }
  if (symmetric && (type == QuantizedType::int8 || type == QuantizedType::int16)) return {-all.high, all.high};
  return all;
}

const QuantizeKernels::Storage& storageOf(const QuantizeKernels& table, QuantizedType type) {
  switch (type) {
    case QuantizedType::uint8:
    case QuantizedType::uint4:
      return table.uint8;
    case QuantizedType::int16:
      return table.int16;
    case QuantizedType::uint16:
      return table.uint16;
    default:
      return table.int8;
  }
}

// A walk over `layout`. Short rows and short runs are spread out first, so that the kernels see long rows: each element
// of the spread row gets its own copy of the scale, in `spread`, which then stands for `parameters`.
QuantizationWalk walkOf(const QuantizationLayout& layout, const QuantizationParameters& parameters,
                        QuantizationParameters& spread, const QuantizationParameters** used) {
  constexpr size_t shortRun = 32, longRow = 1024;
  *used = &parameters;
  const size_t row = layout.axis * layout.inner;
  const bool spreads = !layout.blockSize && layout.outer > 1 && layout.axis > 1 &&
                       (layout.inner == 1 ? row < longRow : layout.inner < shortRun);
  if (!spreads) return QuantizationWalk(layout);
  const size_t copies = std::min(layout.outer, row < longRow ? longRow / row : 1);
  for (size_t i = 0; i < copies * row; i++) {
    spread.scale.push_back(parameters.scale[i % row / layout.inner]);
    spread.zeroPoint.push_back(parameters.zeroPoint[i % row / layout.inner]);
  }
  *used = &spread;
  return QuantizationWalk({.outer = layout.outer, .axis = copies * row, .inner = 1});
}

// Calls each(begin, end) for pieces of a chunk that fit buffers of `scratchCount` elements.
constexpr size_t scratchCount = 4096;
template <class Each>
void forEachScratch(size_t begin, size_t end, Each&& each) {
  for (; begin < end; begin += scratchCount) each(begin, std::min(end, begin + scratchCount));
}

// Dequantizes elements [begin, end) into `out`; four-bit chunks begin at even positions and fit the scratch.
void dequantizeSpan(const QuantizeKernels& table, const QuantizationWalk& walk, QuantizedType type, const uint8_t* in,
                    const QuantizationParameters& parameters, size_t begin, size_t end, UnalignedFloat* out) {
  const QuantizeKernels::Storage& storage = storageOf(table, type);
  const auto convert = [&](const uint8_t* source, size_t from, size_t to, UnalignedFloat* target) {
    const size_t width = isSixteenBit(type) ? 2 : 1;
    walk.forEach(
        from, to,
        [&](size_t start, size_t runLength, size_t runCount, size_t first) {
          storage.dequantizeRuns(source + (start - from) * width, target + (start - from), runLength, runCount,
                                 parameters.scale.data() + first, parameters.zeroPoint.data() + first);
        },
        [&](size_t start, size_t count, size_t first) {
          storage.dequantizeColumns(source + (start - from) * width, target + (start - from), count,
                                    parameters.scale.data() + first, parameters.zeroPoint.data() + first);
        });
  };
  if (!isFourBit(type)) {
    convert(in + begin * (isSixteenBit(type) ? 2 : 1), begin, end, out);
    return;
  }
  const auto unpack = type == QuantizedType::int4 ? table.unpackSigned : table.unpackUnsigned;
  uint8_t bytes[scratchCount];
  forEachScratch(begin, end, [&](size_t from, size_t to) {
    unpack(in + from / 2, bytes, to - from);
    convert(bytes, from, to, out + (from - begin));
  });
}

}  // namespace

void unpackIntegers(QuantizedType type, const uint8_t* in, int32_t* out, size_t count) {
  const auto each = [&](auto valueAt) {
    for (size_t i = 0; i < count; i++) out[i] = valueAt(i);
  };
  switch (type) {
    case QuantizedType::int8:
      return each([&](size_t i) { return static_cast<int8_t>(in[i]); });
    case QuantizedType::uint8:
      return each([&](size_t i) { return in[i]; });
    case QuantizedType::int16:
      return each([&](size_t i) { return reinterpret_cast<const UnalignedInt16*>(in)[i]; });
    case QuantizedType::uint16:
      return each([&](size_t i) { return reinterpret_cast<const UnalignedUint16*>(in)[i]; });
    case QuantizedType::int4:
      return each([&](size_t i) { return (((in[i / 2] >> (i % 2 * 4)) & 15) ^ 8) - 8; });
    case QuantizedType::uint4:
      return each([&](size_t i) { return (in[i / 2] >> (i % 2 * 4)) & 15; });
  }
}

void packIntegers(QuantizedType type, const int32_t* in, uint8_t* out, size_t count) {
  if (isFourBit(type)) {
    for (size_t i = 0; i < count / 2; i++) out[i] = static_cast<uint8_t>((in[2 * i] & 15) | (in[2 * i + 1] & 15) << 4);
    if (count % 2) out[count / 2] = static_cast<uint8_t>(in[count - 1] & 15);
  } else if (isSixteenBit(type)) {
    for (size_t i = 0; i < count; i++) reinterpret_cast<UnalignedUint16*>(out)[i] = static_cast<uint16_t>(in[i]);
  } else {
    for (size_t i = 0; i < count; i++) out[i] = static_cast<uint8_t>(in[i]);
  }
}

Status computeParameters(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout,
                         QuantizedType type, bool symmetric, bool reduceRange, QuantizationParameters& parameters) {
  const size_t scaleCount = layout.scaleCount();
  std::vector<float> low(scaleCount), high(scaleCount);
  findRanges(execution, in, layout, low.data(), high.data());
  parameters.scale.resize(scaleCount);
  parameters.zeroPoint.resize(scaleCount);
  const Bounds bounds = scaleBounds(type, symmetric, reduceRange);
  const GridRule rule{bounds.low, bounds.high, symmetric, layout.blockSize != 0};
  execution.forEachChunk(scaleCount, 4096, [&](size_t begin, size_t end) {
    execution.kernels.quantize->findGrids(&low[begin], &high[begin], end - begin, rule, &parameters.scale[begin],
                                          &parameters.zeroPoint[begin]);
  });
  return execution.outcome();
}

Status quantize(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout,
                QuantizedType type, const QuantizationParameters& parameters, uint8_t* out, uint64_t* nanCount) {
  const QuantizeKernels& table = *execution.kernels.quantize;
  const QuantizeKernels::Storage& storage = storageOf(table, type);
  QuantizationParameters spread;
  const QuantizationParameters* used = nullptr;
  const QuantizationWalk walk = walkOf(layout, parameters, spread, &used);
  const Bounds bounds = boundsOf(type);
  const size_t width = isSixteenBit(type) ? 2 : 1;
  const bool isQuick = std::all_of(used->scale.begin(), used->scale.end(), [](float s) { return isQuickScale(s); });
  const size_t preparedCount = table.prepareScales && walk.hasColumns() && isQuick ? used->scale.size() : 0;
  const Scratch preparedMemory(preparedCount * 4 * sizeof(float));
  if (!preparedMemory.data()) return Status::memory("no memory for the scales");
  QuickScales prepared;
  if (preparedCount) {
    auto* floats = preparedMemory.as<float>();
    prepared = {floats, floats + preparedCount, floats + 2 * preparedCount,
                preparedMemory.as<uint32_t>() + 3 * preparedCount};
    table.prepareScales(used->scale.data(), used->zeroPoint.data(), preparedCount, bounds.low, bounds.high, prepared);
  }
  std::atomic<uint64_t> nans{0};
  // Quantizes elements [from, to) into bytes at `target`.
  const auto convert = [&](size_t from, size_t to, uint8_t* target) {
    size_t found = 0;
    walk.forEach(
        from, to,
        [&](size_t start, size_t runLength, size_t runCount, size_t first) {
          found +=
              storage.quantizeRuns(in + start, target + (start - from) * width, runLength, runCount,
                                   used->scale.data() + first, used->zeroPoint.data() + first, bounds.low, bounds.high);
        },
        [&](size_t start, size_t count, size_t first) {
          found +=
              storage.quantizeColumns(in + start, target + (start - from) * width, count, used->scale.data() + first,
                                      used->zeroPoint.data() + first, bounds.low, bounds.high, prepared.from(first));
        });
    if (found) nans.fetch_add(found, std::memory_order_relaxed);
  };
  execution.forEachChunk(layout.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    if (!isFourBit(type)) {
      convert(begin, end, out + begin * width);
      return;
    }
    uint8_t bytes[scratchCount];
    forEachScratch(begin, end, [&](size_t from, size_t to) {
      convert(from, to, bytes);
      table.packNibbles(bytes, out + from / 2, to - from);
    });
  });
  *nanCount = nans.load();
  return execution.outcome();
}

Status quantizeDynamically(const Execution& execution, const UnalignedFloat* in, size_t count, uint8_t* out,
                           DynamicGrid& grid) {
  float low = 0, high = 0;
  const QuantizationLayout layout{.inner = count};
  findRanges(execution, in, layout, &low, &high);
  grid.scale = low == high ? 1.0f : (high - low) / 255.0f;
  const float zeroPoint = std::nearbyintf(std::clamp(0.0f - low / grid.scale, 0.0f, 255.0f));
  grid.zeroPoint = static_cast<uint8_t>(zeroPoint);
  uint64_t nanCount = 0;
  return quantize(execution, in, layout, QuantizedType::uint8, {{grid.scale}, {grid.zeroPoint}}, out, &nanCount);
}

Status dequantize(const Execution& execution, const uint8_t* in, const QuantizationLayout& layout, QuantizedType type,
                  const QuantizationParameters& parameters, UnalignedFloat* out) {
  QuantizationParameters spread;
  const QuantizationParameters* used = nullptr;
  const QuantizationWalk walk = walkOf(layout, parameters, spread, &used);
  execution.forEachChunk(layout.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    dequantizeSpan(*execution.kernels.quantize, walk, type, in, *used, begin, end, out + begin);
  });
  return execution.outcome();
}

Status quantizationError(const Execution& execution, const UnalignedFloat* x, const uint8_t* q,
                         const QuantizationLayout& layout, QuantizedType type, const QuantizationParameters& parameters,
                         QuantizationError* error) {
  QuantizationParameters spread;
  const QuantizationParameters* used = nullptr;
  const QuantizationWalk walk = walkOf(layout, parameters, spread, &used);
  const size_t count = layout.count();
  std::vector<QuantizationError> parts((count + elementwiseGrain - 1) / elementwiseGrain);
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    float restored[scratchCount];
    forEachScratch(begin, end, [&](size_t from, size_t to) {
      dequantizeSpan(*execution.kernels.quantize, walk, type, q, *used, from, to, restored);
      execution.kernels.compare->error(x + from, 0, restored, 1, to - from, &parts[begin / elementwiseGrain]);
    });
  });
  *error = sumOf(parts);
  return execution.outcome();
}

QuantizationError sumOf(const std::vector<QuantizationError>& parts) {
  QuantizationError sum;
  for (const QuantizationError& part : parts) {
    sum.signal += part.signal;
    sum.noise += part.noise;
    sum.maxError = std::max(sum.maxError, part.maxError);
    sum.count += part.count;
  }
  return sum;
}

}  // namespace pare
