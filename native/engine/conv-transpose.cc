// The transpose of a convolution (see conv-transpose.h).
#include "engine/conv-transpose.h"

#include "engine/scratch.h"

namespace pare {
namespace {

Status check(const ConvTransposeShape& shape) {
  if (shape.groups == 0 || shape.inputChannels % shape.groups != 0 || shape.outputChannels % shape.groups != 0)
    return Status::shape(std::to_string(shape.groups) + " groups divide neither into " +
                         std::to_string(shape.inputChannels) + " input channels nor into " +
                         std::to_string(shape.outputChannels) + " output channels");
  for (const ConvTransposeAxis& axis : shape.axes)
    if (axis.kernel == 0 || axis.stride == 0 || axis.dilation == 0)
      return Status::option("a transposed convolution's kernel, strides and dilations must be 1 or more");
  return Status::success();
}

// The elements of the window that reach places of y which are `phase` modulo the stride.
std::vector<size_t> elementsOf(const ConvTransposeAxis& axis, size_t phase) {
  std::vector<size_t> elements;
  for (size_t k = 0; k < axis.kernel; k++)
    if ((phase + axis.padBegin) % axis.stride == k * axis.dilation % axis.stride) elements.push_back(k);
  return elements;
}

// Calls with the phases along each axis.
template <class Phase>
void forEachPhase(const ConvTransposeShape& shape, const Phase& phase) {
  const ConvTransposeAxis* axes = shape.axes;
  for (size_t d = 0; d < axes[0].stride; d++)
    for (size_t h = 0; h < axes[1].stride; h++)
      for (size_t w = 0; w < axes[2].stride; w++) phase(d, h, w);
}

}  // namespace

Status PreparedConvTranspose::prepare(const Execution& execution, const ConvTransposeShape& shape,
                                      const UnalignedFloat* filters) {
  if (Status status = check(shape); !status.ok()) return status;
  const ConvTransposeAxis* axes = shape.axes;
  const size_t window = axes[0].kernel * axes[1].kernel * axes[2].kernel;
  const size_t inputs = shape.inputChannels / shape.groups, outputs = shape.outputChannels / shape.groups;
  // Every element of the window belongs to one phase.
  const size_t count = shape.inputChannels * outputs * window;
  packed_ = Blob::allocate(count * sizeof(float));
  const Scratch turned(count * sizeof(float));
  if (!packed_ || !turned.data()) return Status::memory("no memory to prepare the filters of a convolution");
  begins_.clear();
  size_t begin = 0;
  forEachPhase(shape, [&](size_t phaseD, size_t phaseH, size_t phaseW) {
    const std::vector<size_t> deep = elementsOf(axes[0], phaseD), high = elementsOf(axes[1], phaseH),
                              wide = elementsOf(axes[2], phaseW);
    const size_t depth = inputs * deep.size() * high.size() * wide.size();
    auto* to = turned.as<float>();
    for (size_t group = 0; group < shape.groups; group++)
      for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
          for (const size_t d : deep)
            for (const size_t h : high)
              for (const size_t w : wide)
                *to++ = filters[((group * inputs + i) * outputs + o) * window +
                                (d * axes[1].kernel + h) * axes[2].kernel + w];
    begins_.push_back(begin);
    packFilters(execution, turned.as<float>(), shape.groups, outputs, depth,
                reinterpret_cast<float*>(packed_->data()) + begin);
    begin += shape.groups * outputs * depth;
  });
  return execution.outcome();
}

Status convTranspose(const Execution& execution, const PreparedConvTranspose& prepared, const ConvTransposeShape& shape,
                     const UnalignedFloat* x, UnalignedFloat* y, const ConvEpilogue& epilogue) {
  Status status = check(shape);
  if (!status.ok()) return status;
  Correlation of{.batch = shape.batch,
                 .groups = shape.groups,
                 .inputs = shape.inputChannels / shape.groups,
                 .outputs = shape.outputChannels / shape.groups,
                 .axes = {},
                 .x = x,
                 .y = y,
                 .epilogue = epilogue};
  size_t index = 0;
  forEachPhase(shape, [&](size_t phaseD, size_t phaseH, size_t phaseW) {
    const size_t phases[3] = {phaseD, phaseH, phaseW};
    for (size_t i = 0; i < 3; i++) {
      const ConvTransposeAxis& axis = shape.axes[i];
      CorrelationAxis& to = of.axes[i];
      to.input = axis.input;
      to.output = axis.output();
      to.outputBase = phases[i];
      to.outputStep = axis.stride;
      to.positions = to.output > phases[i] ? (to.output - phases[i] - 1) / axis.stride + 1 : 0;
      to.taps.clear();
      for (const size_t k : elementsOf(axis, phases[i]))
        to.taps.push_back(
            (static_cast<ptrdiff_t>(phases[i] + axis.padBegin) - static_cast<ptrdiff_t>(k * axis.dilation)) /
            static_cast<ptrdiff_t>(axis.stride));
    }
    of.filters = reinterpret_cast<const float*>(prepared.packed_->data()) + prepared.begins_[index++];
    if (status.ok()) status = correlate(execution, of);
  });
  return status;
}

}  // namespace pare
