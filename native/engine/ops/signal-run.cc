// Running signals: DFT, STFT, windows, the mel matrix. Sums and angles in float64.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/run.h"

namespace pare {
namespace {

using std::numbers::pi;

struct Complex {
  double re = 0, im = 0;
};

// The discrete Fourier transform of one length: by halves while it is even, by the definition where it is odd.
class Fourier {
 public:
  Fourier(size_t length, bool isInverse) : turns_(length) {
    for (size_t i = 0; i < length; i++) {
      const double angle = (isInverse ? 2 : -2) * pi * static_cast<double>(i) / static_cast<double>(length);
      turns_[i] = {std::cos(angle), std::sin(angle)};
    }
  }

  // out[k] = Σ in[i · step] · turn^(i·k) for `length` of them; `out` and `in` do not overlap.
  void transform(const Complex* in, Complex* out, size_t length, size_t step = 1) const {
    const size_t turn = length == 0 ? 0 : turns_.size() / length;
    if (length % 2 == 0 && length > 0) {
      const size_t half = length / 2;
      transform(in, out, half, 2 * step);
      transform(in + step, out + half, half, 2 * step);
      for (size_t k = 0; k < half; k++) {
        const Complex even = out[k], odd = times(out[k + half], turns_[k * turn]);
        out[k] = {even.re + odd.re, even.im + odd.im};
        out[k + half] = {even.re - odd.re, even.im - odd.im};
      }
      return;
    }
    for (size_t k = 0; k < length; k++) {
      Complex sum;
      for (size_t i = 0, at = 0; i < length; i++) {
        const Complex term = times(in[i * step], turns_[at * turn]);
        sum = {sum.re + term.re, sum.im + term.im};
        at += k;
        if (at >= length) at -= length;
      }
      out[k] = sum;
    }
  }

 private:
  static Complex times(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
  std::vector<Complex> turns_;
};

// An odd factor costs its square: an absurd one is refused.
Status checkLength(const NodeReader& reader, size_t length) {
  size_t odd = std::max<size_t>(length, 1);
  while (odd % 2 == 0) odd /= 2;
  if (length > (size_t{1} << 22) || odd > (size_t{1} << 16))
    return Status::unsupported(reader.label() + ": a transform of length " + std::to_string(length) + " does not run");
  return Status::success();
}

int64_t integerOf(const TensorView& tensor) {
  return tensor.dtype == DataType::int32 ? tensor.as<int32_t>()[0] : tensor.as<int64_t>()[0];
}

Status needNumber(const RunContext& c, size_t input) {
  if (!c.has(input) || c.in(input).count() == 1) return Status::success();
  const NodeReader reader = c.reader();
  return Status::shape(reader.label() + ": " + reader.inputName(input) + " must be one number");
}

Status runDft(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const NodeReader reader = c.reader();
  for (const size_t input : {1, 2})
    if (Status status = needNumber(c, input); !status.ok()) return status;
  const auto rank = static_cast<int64_t>(x.rank());
  int64_t axis = c.opset < 20 ? reader.integer("axis") : c.has(2) ? integerOf(c.in(2)) : -2;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank - 1 || (x.dims.back() != 1 && x.dims.back() != 2) || y.rank() != x.rank())
    return Status::shape(reader.label() + ": X must end in 1 or 2 numbers an element, and the axis be before these");
  const auto at = static_cast<size_t>(axis);
  const int64_t given = c.has(1) ? integerOf(c.in(1)) : x.dims[at];
  if (given < 0) return Status::shape(reader.label() + ": dft_length is negative");
  const auto length = static_cast<size_t>(given), parts = static_cast<size_t>(x.dims.back());
  if (Status status = checkLength(reader, length); !status.ok()) return status;
  const bool isInverse = reader.integer("inverse") != 0;
  const Fourier fourier(length, isInverse);
  const double scale = isInverse ? 1 / static_cast<double>(length) : 1;
  const size_t inner = x.inner(at + 1) / parts, size = static_cast<size_t>(x.dims[at]);
  const auto bins = static_cast<size_t>(y.dims[at]);
  if (bins > length || y.dims.back() != 2) return Status::shape(reader.label() + ": the result has too many elements");
  c.execution->forEachPiece(x.outer(at) * inner, [&](size_t i) {
    std::vector<Complex> in(length), out(length);
    const size_t outer = i / inner, column = i % inner;
    for (size_t j = 0; j < std::min(length, size); j++) {
      const UnalignedFloat* from = x.floats() + ((outer * size + j) * inner + column) * parts;
      in[j] = {static_cast<double>(from[0]), parts == 2 ? static_cast<double>(from[1]) : 0};
    }
    fourier.transform(in.data(), out.data(), length);
    for (size_t j = 0; j < bins; j++) {
      UnalignedFloat* to = y.floats() + ((outer * bins + j) * inner + column) * 2;
      to[0] = static_cast<float>(out[j].re * scale);
      to[1] = static_cast<float>(out[j].im * scale);
    }
  });
  return c.execution->outcome();
}
Status prepareDft(PrepareContext& c) {
  if (c.integer("inverse") != 0 && c.integer("onesided") != 0)
    return c.unsupported("the inverse of one side does not run");
  return c.needType(types::f32);
}

// Frames of the signal, each times the window.
Status runStft(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const NodeReader reader = c.reader();
  for (const size_t input : {1, 3})
    if (Status status = needNumber(c, input); !status.ok()) return status;
  const int64_t step = integerOf(c.in(1));
  const int64_t frame = c.has(3) ? integerOf(c.in(3)) : c.has(2) ? static_cast<int64_t>(c.in(2).count()) : 0;
  if (x.rank() < 2 || x.rank() > 3 || y.rank() != 4 || step <= 0 || frame <= 0 || frame > x.dims[1] ||
      (x.rank() == 3 && x.dims[2] != 1 && x.dims[2] != 2))
    return Status::shape(reader.label() + ": the signal must be [batch, length, 1 or 2], and steps and frames fit it");
  const auto length = static_cast<size_t>(frame), parts = x.rank() == 3 ? static_cast<size_t>(x.dims[2]) : 1;
  if (c.has(2) && c.in(2).count() != length)
    return Status::shape(reader.label() + ": the window must be as long as a frame");
  if (Status status = checkLength(reader, length); !status.ok()) return status;
  const Fourier fourier(length, false);
  const auto frames = static_cast<size_t>(y.dims[1]), bins = static_cast<size_t>(y.dims[2]);
  const auto size = static_cast<size_t>(x.dims[1]), stride = static_cast<size_t>(step);
  if (frames == 0) return Status::success();
  if (bins > length || frames - 1 > (size - length) / stride)
    return Status::shape(reader.label() + ": the result has too many elements");
  c.execution->forEachPiece(y.outer(2), [&](size_t i) {
    std::vector<Complex> in(length), out(length);
    const UnalignedFloat* from = x.floats() + (i / frames * size + i % frames * stride) * parts;
    for (size_t j = 0; j < length; j++) {
      const double weight = c.has(2) ? static_cast<double>(c.in(2).floats()[j]) : 1;
      in[j] = {static_cast<double>(from[j * parts]) * weight,
               parts == 2 ? static_cast<double>(from[j * parts + 1]) * weight : 0};
    }
    fourier.transform(in.data(), out.data(), length);
    UnalignedFloat* to = y.floats() + i * bins * 2;
    for (size_t j = 0; j < bins; j++) {
      to[2 * j] = static_cast<float>(out[j].re);
      to[2 * j + 1] = static_cast<float>(out[j].im);
    }
  });
  return c.execution->outcome();
}
Status prepareStft(PrepareContext& c) { return c.needType(types::f32); }

void put(const TensorView& to, size_t at, double value) {
  if (to.dtype == DataType::float64)
    to.as<double>()[at] = value;
  else
    to.floats()[at] = static_cast<float>(value);
}

// a + b · cos(2πi/n) + d · cos(4πi/n), n being the size, or one less where the window is symmetric.
struct Cosines {
  double a, b, d;
};
constexpr Cosines hann{0.5, -0.5, 0}, hamming{25.0 / 46, -21.0 / 46, 0}, blackman{0.42, -0.5, 0.08};

template <const Cosines& of>
Status runWindow(RunContext& c) {
  if (Status status = needNumber(c, 0); !status.ok()) return status;
  const int64_t size = integerOf(c.in(0));
  if (Status status = c.allocate(0, std::vector<int64_t>{size}); !status.ok()) return status;
  const double period = static_cast<double>(c.reader().integer("periodic") != 0 ? size : size - 1);
  for (int64_t i = 0; i < size; i++) {
    const double turn = period > 0 ? 2 * pi * static_cast<double>(i) / period : pi;
    put(c.out(0), static_cast<size_t>(i), of.a + of.b * std::cos(turn) + of.d * std::cos(2 * turn));
  }
  return Status::success();
}
Status prepareWindow(PrepareContext& c) {
  const DataType type = dataTypeOf(c.integer("output_datatype"));
  if (type != DataType::float32 && type != DataType::float64)
    return c.unsupported(std::string("output_datatype ") + dataTypeName(type) + " does not run yet");
  return Status::success();
}

// Triangles that are equally wide in mel, over the bins of a spectrum.
Status runMelWeightMatrix(RunContext& c) {
  const NodeReader reader = c.reader();
  for (size_t input = 0; input < 5; input++)
    if (Status status = needNumber(c, input); !status.ok()) return status;
  const int64_t bands = integerOf(c.in(0)), length = integerOf(c.in(1)), rate = integerOf(c.in(2));
  if (bands < 0 || length < 0 || length > (int64_t{1} << 40) || rate <= 0)
    return Status::shape(reader.label() + ": sizes must not be negative, and sample_rate positive");
  const int64_t bins = length / 2 + 1;
  if (Status status = c.allocate(0, std::vector<int64_t>{bins, bands}); !status.ok()) return status;
  const TensorView& y = c.out(0);
  std::fill(y.data, y.data + y.byteLength(), uint8_t{0});
  const auto mel = [&](size_t input) {
    return 2595 * std::log10(1 + static_cast<double>(c.in(input).floats()[0]) / 700);
  };
  const double low = mel(3), step = (mel(4) - low) / static_cast<double>(bands + 2);
  const auto edge = [&](int64_t i) {
    const double hertz = 700 * (std::pow(10, (low + static_cast<double>(i) * step) / 2595) - 1);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    return bin > -1e9 && bin < 1e15 ? static_cast<int64_t>(bin) : int64_t{-1};
  };
  for (int64_t band = 0; band < bands; band++) {
    const int64_t begin = edge(band), center = edge(band + 1), end = edge(band + 2);
    const auto set = [&](int64_t bin, double value) {
      if (bin >= 0 && bin < bins) put(y, static_cast<size_t>(bin * bands + band), value);
    };
    if (begin == center) set(center, 1);
    for (int64_t bin = std::max<int64_t>(begin, 0); begin < center && bin <= std::min(center, bins - 1); bin++)
      set(bin, static_cast<double>(bin - begin) / static_cast<double>(center - begin));
    for (int64_t bin = std::max<int64_t>(center, 0); center < end && bin < std::min(end, bins); bin++)
      set(bin, static_cast<double>(end - bin) / static_cast<double>(end - center));
  }
  return Status::success();
}
Status prepareMel(PrepareContext& c) {
  if (Status status = c.needType(types::f32, 3); !status.ok()) return status;
  if (Status status = c.needType(types::f32, 4); !status.ok()) return status;
  return prepareWindow(c);
}

const OpRuns runs({
    {"DFT", runDft, prepareDft},
    {"STFT", runStft, prepareStft},
    {"HannWindow", runWindow<hann>, prepareWindow},
    {"HammingWindow", runWindow<hamming>, prepareWindow},
    {"BlackmanWindow", runWindow<blackman>, prepareWindow},
    {"MelWeightMatrix", runMelWeightMatrix, prepareMel},
});

}  // namespace
}  // namespace pare
