// Depthwise convolution (see depthwise.h).
#include "kernels/depthwise.h"

#include "kernels/activation-vector.h"
#include "kernels/spread-row.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t widestKernel = 5;
// Rows and vectors of y computed together: eight sums and more, so that none waits for itself. Where one vector is a
// whole row, seven rows: planes of 7 and 14 rows are common.
constexpr int mostOutputs = 4, mostVectors = vectorRegisters == 32 ? 3 : 2, narrowOutputs = 7;

// Where vectors can be read in part, rows are read where they are, and neighbouring pixels or every second one come
// from one or two vectors. Elsewhere they are copied.
constexpr bool isDirect = hasLaneMasks;

bool has(size_t kernelHeight, size_t kernelWidth, size_t strideHeight, size_t strideWidth) {
  return kernelHeight == kernelWidth && (kernelWidth == 3 || kernelWidth == 5) && strideHeight <= 2 && strideWidth <= 2;
}

// Input rows that a block needs, and as many more as the next ones do: those are made before these are read, since a
// row cannot be read soon after it has been written piecemeal.
constexpr size_t ringRows(int kernel, int stride) {
  return static_cast<size_t>((mostOutputs - 1) * stride + kernel + mostOutputs * stride);
}
// Elements of a phase of a row, with room for vectors to run past its end.
size_t phaseFloats(const DepthwisePlanes& planes) {
  const size_t reach = (planes.kernelWidth - 1) * planes.dilationWidth / planes.strideWidth;
  return (planes.outputWidth + reach + 2 * vectorLanes - 1) / vectorLanes * vectorLanes;
}
size_t vectorsOf(const DepthwisePlanes& planes) { return (planes.outputWidth + vectorLanes - 1) / vectorLanes; }
// Of the masks, or of the ring.
size_t scratchBytes(const DepthwisePlanes& planes) {
  if (isDirect) return (vectorsOf(planes) * planes.kernelWidth * planes.strideWidth * sizeof(LaneMask) + 63) / 64 * 64;
  const size_t rows = ringRows(static_cast<int>(planes.kernelHeight), static_cast<int>(planes.strideHeight));
  return rows * phaseFloats(planes) * planes.strideWidth * sizeof(float);
}
struct RowBlock {
  const UnalignedFloat* const* rows;  // of the image: (outputs − 1) × stride + kernel; null outside of it
  const ptrdiff_t* offsets;           // where each column of the window begins in a row
  const LaneMask* masks;              // of each vector, for each column of the window, for each part of it
  size_t firstWhole, endWhole;        // vectors that need no masks
  const UnalignedFloat* weights;
  float bias, least, most;
  UnalignedFloat* y;
  size_t width;  // of y
};

// Else the compiler would read it from memory for each use.
PARE_INLINE void keepInRegister(FloatVector& x) {
#if defined(__x86_64__)
  asm("" : "+v"(x));
#else
  asm("" : "+w"(x));
#endif
}

// What a column of the window meets in a row, for a vector of results.
template <int kernel, int step, bool isEdge>
struct Column {
  ptrdiff_t offset;
  struct Holder {
    LaneMask value;
  } masks[step];

  PARE_INLINE void place(const RowBlock& block, size_t vector, int k) {
    offset = static_cast<ptrdiff_t>(vector * vectorLanes * (isDirect ? step : 1)) + block.offsets[k];
    if constexpr (isEdge)
#pragma GCC unroll 2
      for (size_t i = 0; i < step; i++)
        masks[i].value = block.masks[(vector * kernel + static_cast<size_t>(k)) * step + i];
  }
  PARE_INLINE FloatVector part(const UnalignedFloat* row, int i) const {
    const UnalignedFloat* from = row + offset + i * vectorLanes;
    if constexpr (isEdge)
      return loadLanes(from, masks[i].value);
    else
      return loadFloats(from);
  }
  PARE_INLINE FloatVector load(const UnalignedFloat* row) const {
    if constexpr (step == 1)
      return part(row, 0);
    else
      return everySecondUnordered(part(row, 0), part(row, 1));
  }
};

template <int kernel, int stride, int step, int outputs, int vectors, bool isEdge>
PARE_INLINE void computeVectors(const RowBlock& block, size_t vector) {
  struct Holder {
    FloatVector value;
  } sum[outputs][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < outputs; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sum[r][v].value = broadcastFloat(0);
#pragma GCC unroll 5
  for (int k = 0; k < kernel; k++) {
    Holder weights[kernel];
#pragma GCC unroll 5
    for (int i = 0; i < kernel; i++) weights[i].value = broadcastFloat(block.weights[i * kernel + k]);
    Column<kernel, step, isEdge> columns[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) columns[v].place(block, vector + static_cast<size_t>(v), k);
#pragma GCC unroll 16
    for (int i = 0; i < (outputs - 1) * stride + kernel; i++) {
      const UnalignedFloat* row = block.rows[i];
      if (!row) continue;
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        FloatVector x = columns[v].load(row);
        keepInRegister(x);
#pragma GCC unroll 8
        for (int r = 0; r < outputs; r++)
          if (i - r * stride >= 0 && i - r * stride < kernel)
            sum[r][v].value = multiplyAdd(sum[r][v].value, x, weights[i - r * stride].value);
      }
    }
  }
  const FloatVector bias = broadcastFloat(block.bias), least = broadcastFloat(block.least),
                    most = broadcastFloat(block.most);
#pragma GCC unroll 8
  for (int r = 0; r < outputs; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const size_t column = (vector + static_cast<size_t>(v)) * vectorLanes;
      UnalignedFloat* to = block.y + static_cast<size_t>(r) * block.width + column;
      const FloatVector total = isDirect && step == 2 ? inOrder(sum[r][v].value) : sum[r][v].value;
      const FloatVector value = atMost(most, atLeast(least, total + bias));
      if (column + vectorLanes <= block.width)
        storeFloats(to, value);
      else
        storeSome(to, value, block.width - column);
    }
}

template <int kernel, int stride, int step, int outputs, int vectors>
PARE_INLINE void computeEither(const RowBlock& block, size_t vector) {
  constexpr int inPlaceStep = isDirect ? step : 1;
  if (!isDirect || (vector >= block.firstWhole && vector + vectors <= block.endWhole))
    computeVectors<kernel, stride, inPlaceStep, outputs, vectors, false>(block, vector);
  else
    computeVectors<kernel, stride, inPlaceStep, outputs, vectors, isDirect>(block, vector);
}

template <int kernel, int stride, int step, int outputs>
[[gnu::noinline]] void computeRows(const RowBlock& block, size_t count) {
  for (size_t vector = 0; vector < count;) {
    const size_t rest = count - vector;
    // Strided windows wait for their loads, not for sums.
    constexpr int most = stride == 1 && step == 1 ? mostVectors : 2;
    if (most > 2 && rest != 2 && rest != 4 && rest > 1) {
      computeEither<kernel, stride, step, outputs, most>(block, vector);
      vector += most;
    } else if (rest > 1) {
      computeEither<kernel, stride, step, outputs, 2>(block, vector);
      vector += 2;
    } else {
      computeEither<kernel, stride, step, outputs, 1>(block, vector++);
    }
  }
}

// The rows that a window meets: where they are in the image, or copies of them in a ring, made as they are needed.
template <int kernel, int stride, int step>
struct InputRows {
  static constexpr size_t slots = ringRows(kernel, stride);
  const DepthwisePlanes& planes;
  const size_t phase, pitch;
  float* const ring;
  ptrdiff_t offsets[widestKernel];
  size_t firstWhole = 0, endWhole = 0;
  const UnalignedFloat* x = nullptr;  // the plane
  ptrdiff_t next = 0;                 // the first row that the ring lacks

  explicit InputRows(const DepthwisePlanes& of)
      : planes(of), phase(phaseFloats(of)), pitch(phase * step), ring(static_cast<float*>(of.scratch)) {
    for (size_t k = 0; k < kernel; k++) {
      const size_t column = k * of.dilationWidth;
      offsets[k] = isDirect ? static_cast<ptrdiff_t>(column) - static_cast<ptrdiff_t>(of.padLeft)
                            : static_cast<ptrdiff_t>(column % step * phase + column / step);
    }
    if constexpr (isDirect) placeMasks(static_cast<LaneMask*>(of.scratch));
  }
  void placeMasks(LaneMask* masks) {
    const auto width = static_cast<ptrdiff_t>(planes.width);
    constexpr ptrdiff_t span = vectorLanes * step;
    const size_t count = vectorsOf(planes);
    while (firstWhole < count && static_cast<ptrdiff_t>(firstWhole) * span + offsets[0] < 0) firstWhole++;
    endWhole = count;
    while (endWhole > firstWhole && static_cast<ptrdiff_t>(endWhole) * span + offsets[kernel - 1] > width) endWhole--;
    for (size_t vector = 0; vector < count; vector++)
      for (size_t k = 0; k < kernel; k++)
        for (size_t i = 0; i < step; i++) {
          const ptrdiff_t at = static_cast<ptrdiff_t>((vector * step + i) * vectorLanes) + offsets[k];
          masks[(vector * kernel + k) * step + i] = lanesBetween(-at, width - at);
        }
  }
  ptrdiff_t firstOf(size_t row) const {
    return static_cast<ptrdiff_t>(row * stride) - static_cast<ptrdiff_t>(planes.padTop);
  }
  void beginPlane(size_t plane) {
    x = planes.x + plane * planes.height * planes.width;
    next = firstOf(planes.firstRow) < 0 ? 0 : firstOf(planes.firstRow);
  }
  float* slot(ptrdiff_t row) const { return ring + static_cast<size_t>(row) % slots * pitch; }
  void copyUpTo(ptrdiff_t end) {
    if (end > static_cast<ptrdiff_t>(planes.height)) end = static_cast<ptrdiff_t>(planes.height);
    const size_t used = planes.outputWidth + (kernel - 1) * planes.dilationWidth / step;
    for (; next < end; next++)
      for (size_t p = 0; p < step; p++)
        spreadRow(x + static_cast<size_t>(next) * planes.width, planes.width,
                  static_cast<ptrdiff_t>(p) - static_cast<ptrdiff_t>(planes.padLeft), step, slot(next) + p * phase,
                  used);
  }
  void place(size_t row, size_t outputs, const UnalignedFloat** rows) {
    const ptrdiff_t first = firstOf(row), end = first + static_cast<ptrdiff_t>((outputs - 1) * stride + kernel);
    if constexpr (!isDirect) copyUpTo(end + mostOutputs * stride);
    for (ptrdiff_t at = first; at < end; at++)
      *rows++ = at < 0 || at >= static_cast<ptrdiff_t>(planes.height) ? nullptr
                : isDirect                                            ? x + static_cast<size_t>(at) * planes.width
                                                                      : slot(at);
  }
};

// What is more than a bound on rows that are still near.
void finishRows(UnalignedFloat* y, const UnalignedFloat* residual, size_t count, const Activation& activation) {
  const FloatVector alpha = broadcastFloat(activation.alpha), beta = broadcastFloat(activation.beta);
  withKind(activation.kind, [&]<Activation::Kind kind>() {
    for (size_t i = 0; i < count; i += vectorLanes) {
      const size_t rest = count - i;
      FloatVector x = rest >= vectorLanes ? loadFloats(y + i) : loadSome(y + i, rest);
      if (residual) x = x + (rest >= vectorLanes ? loadFloats(residual + i) : loadSome(residual + i, rest));
      x = activate<kind>(x, alpha, beta);
      if (rest >= vectorLanes)
        storeFloats(y + i, x);
      else
        storeSome(y + i, x, rest);
    }
  });
}

// Rows that the next block meets first come nearer meanwhile: rows read side by side are no pattern to a prefetcher.
// They go on into the next plane.
PARE_INLINE void fetchRows(const DepthwisePlanes& planes, size_t plane, ptrdiff_t row, size_t count) {
  const auto* from = reinterpret_cast<const char*>(planes.x + (static_cast<ptrdiff_t>(plane * planes.height) + row) *
                                                                  static_cast<ptrdiff_t>(planes.width));
  for (size_t byte = 0; byte < count * planes.width * sizeof(float); byte += 64) __builtin_prefetch(from + byte);
}

template <int kernel, int stride, int step>
void computeOutputs(const RowBlock& block, size_t outputs, size_t vectors) {
  if constexpr (isDirect && stride == 1 && step == 1) {
    if (outputs == narrowOutputs) return computeEither<kernel, stride, step, narrowOutputs, 1>(block, 0);
  }
  switch (outputs) {
    case 4:
      return computeRows<kernel, stride, step, 4>(block, vectors);
    case 3:
      return computeRows<kernel, stride, step, 3>(block, vectors);
    case 2:
      return computeRows<kernel, stride, step, 2>(block, vectors);
    default:
      return computeRows<kernel, stride, step, 1>(block, vectors);
  }
}

template <int kernel, int stride, int step>
void computePlanes(const DepthwisePlanes& planes, const Activation& activation) {
  using Kind = Activation::Kind;
  InputRows<kernel, stride, step> input(planes);
  const bool isBound = !planes.residual && (activation.kind == Kind::none || activation.kind == Kind::clip);
  const bool clips = isBound && activation.kind == Kind::clip;
  const size_t vectors = vectorsOf(planes);
  RowBlock block{};
  block.offsets = input.offsets;
  block.masks = static_cast<const LaneMask*>(planes.scratch);
  block.firstWhole = input.firstWhole;
  block.endWhole = input.endWhole;
  block.least = clips ? activation.alpha : -__builtin_inff();
  block.most = clips ? activation.beta : __builtin_inff();
  block.width = planes.outputWidth;
  for (size_t plane = planes.firstPlane; plane < planes.endPlane; plane++) {
    input.beginPlane(plane);
    for (size_t row = planes.firstRow, outputs; row < planes.endRow; row += outputs) {
      const size_t rest = planes.endRow - row;
      outputs = rest < mostOutputs ? rest : mostOutputs;
      if (isDirect && stride == 1 && step == 1 && vectors == 1 && rest >= narrowOutputs) outputs = narrowOutputs;
      const UnalignedFloat* rows[(narrowOutputs - 1) * stride + kernel];
      input.place(row, outputs, rows);
      block.rows = rows;
      fetchRows(planes, plane, input.firstOf(row + outputs) + static_cast<ptrdiff_t>(kernel - stride),
                outputs * stride);
      for (size_t f = 0; f < planes.filters; f++) {
        const size_t filter = plane % planes.channels * planes.filters + f;
        const size_t at = ((plane * planes.filters + f) * planes.outputHeight + row) * planes.outputWidth;
        block.weights = planes.weights + filter * kernel * kernel;
        block.bias = planes.bias ? planes.bias[filter] : 0;
        block.y = planes.y + at;
        computeOutputs<kernel, stride, step>(block, outputs, vectors);
        if (!isBound)
          finishRows(block.y, planes.residual ? planes.residual + at : nullptr, outputs * planes.outputWidth,
                     activation);
      }
    }
  }
}

template <int kernel>
void computeKernel(const DepthwisePlanes& planes, const Activation& activation) {
  if (planes.strideHeight == 1)
    (planes.strideWidth == 1 ? computePlanes<kernel, 1, 1> : computePlanes<kernel, 1, 2>)(planes, activation);
  else
    (planes.strideWidth == 1 ? computePlanes<kernel, 2, 1> : computePlanes<kernel, 2, 2>)(planes, activation);
}

void compute(const DepthwisePlanes& planes, const Activation& activation) {
  (planes.kernelWidth == 3 ? computeKernel<3> : computeKernel<5>)(planes, activation);
}

}  // namespace

extern const DepthwiseKernels depthwiseKernels;
const DepthwiseKernels depthwiseKernels{.has = has, .scratchBytes = scratchBytes, .compute = compute};

}  // namespace pare::PARE_LEVEL
