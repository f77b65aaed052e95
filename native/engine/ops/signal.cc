// Signals: Fourier transforms, windows, the mel matrix.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

std::optional<Dim> oneInteger(ShapeContext& c, size_t input) {
  const Elements* given = c.integerElements(input);
  if (!given || given->size() != 1) return std::nullopt;
  return given->front().integer;
}

Dim sided(ShapeContext& c, Dim length, bool isOneSided) {
  return isOneSided ? c.symbols().add(c.symbols().floorDivide(length, 2), 1) : length;
}

// The last dimension is 1 for real and 2 for complex numbers; the result is complex.
Status dft(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  if (Status status = c.needRank(0, 2, SIZE_MAX, "…, signal, real or complex"); !status.ok()) return status;
  int64_t given = c.integer("axis");
  bool isKnown = true;
  if (c.opset() >= 20) {
    given = -2;
    if (c.has(2)) {
      const auto value = oneInteger(c, 2);
      isKnown = value && value->isNumber();
      if (isKnown) given = value->number;
    }
  }
  if (!isKnown) {
    c.setRank(0, x->size());
    return Status::success();
  }
  size_t axis = 0;
  if (Status status = c.axis(given, x->size(), axis); !status.ok()) return status;
  Dims result(*x);
  if (c.has(1)) result[axis] = oneInteger(c, 1).value_or(c.fresh());
  const bool isOneSided = c.integer("onesided") != 0;
  result[axis] = sided(c, result[axis], isOneSided);
  result.back() = c.integer("inverse") != 0 && isOneSided ? 1 : 2;
  c.setDims(0, std::move(result));
  return Status::success();
}

// signal [batch, length, 1 or 2] → [batch, frames, bins, 2].
Status stft(ShapeContext& c) {
  const Dims* signal = c.dims(0);
  const auto step = oneInteger(c, 1);
  std::optional<Dim> frame = c.has(3) ? oneInteger(c, 3) : std::nullopt;
  if (!frame && c.has(2) && c.dims(2) && c.dims(2)->size() == 1) frame = (*c.dims(2))[0];
  if (Status status = c.needRank(0, 2, 3, "batch, length, real or complex"); !status.ok()) return status;
  Dims result{signal ? (*signal)[0] : c.fresh(), c.fresh(),
              frame ? sided(c, *frame, c.integer("onesided") != 0) : c.fresh(), 2};
  if (signal && step && frame && !step->is(0)) {
    SymbolTable& symbols = c.symbols();
    result[1] = symbols.add(symbols.floorDivide(symbols.subtract((*signal)[1], *frame), *step), 1);
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status window(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "output_datatype", DataType::float32); !status.ok()) return status;
  c.setDims(0, {oneInteger(c, 0).value_or(c.fresh())});
  return Status::success();
}

Status melWeightMatrix(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "output_datatype", DataType::float32); !status.ok()) return status;
  const auto bins = oneInteger(c, 0), length = oneInteger(c, 1);
  c.setDims(0, {length ? sided(c, *length, true) : c.fresh(), bins.value_or(c.fresh())});
  return Status::success();
}

OpDef windowOp(const char* name) {
  return {.name = name,
          .since = 17,
          .inputs = {{"size", index}},
          .outputs = {{"output", "T2"}},
          .attributes = {{"output_datatype", row::integer, 1}, {"periodic", row::integer, 1}},
          .types = {{"T2", numbers}},
          .shape = window};
}

const OpRows rows({
    {.name = "DFT",
     .since = 17,
     .until = 19,
     .inputs = {{"input", "T1"}, {"dft_length", "T2", optional}},
     .outputs = {{"output", "T1"}},
     .attributes = {{"axis", integer, 1}, {"inverse", integer, 0}, {"onesided", integer, 0}},
     .types = {{"T1", floats}, {"T2", index}},
     .shape = dft},
    {.name = "DFT",
     .since = 20,
     .inputs = {{"input", "T1"}, {"dft_length", "T2", optional}, {"axis", i64, optional}},
     .outputs = {{"output", "T1"}},
     .attributes = {{"inverse", integer, 0}, {"onesided", integer, 0}},
     .types = {{"T1", floats}, {"T2", index}},
     .shape = dft},
    {.name = "STFT",
     .since = 17,
     .inputs = {{"signal", "T1"}, {"frame_step", "T2"}, {"window", "T1", optional}, {"frame_length", "T2", optional}},
     .outputs = {{"output", "T1"}},
     .attributes = {{"onesided", integer, 1}},
     .types = {{"T1", floats}, {"T2", index}},
     .shape = stft},
    {.name = "MelWeightMatrix",
     .since = 17,
     .inputs = {{"num_mel_bins", "T1"},
                {"dft_length", "T1"},
                {"sample_rate", "T1"},
                {"lower_edge_hertz", "T2"},
                {"upper_edge_hertz", "T2"}},
     .outputs = {{"output", "T3"}},
     .attributes = {{"output_datatype", integer, 1}},
     .types = {{"T1", index}, {"T2", floats}, {"T3", numbers}},
     .shape = melWeightMatrix},
    windowOp("HannWindow"),
    windowOp("HammingWindow"),
    windowOp("BlackmanWindow"),
});

}  // namespace
}  // namespace pare
