// Convolutions at every level: against the definition in double, and the same bits for any number of threads.
#include "engine/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/conv-transpose.h"

namespace pare {
namespace {

// Floats one byte off, where no vector load is aligned.
class OddFloats {
 public:
  explicit OddFloats(size_t count) : bytes_(count * 4 + 1) {}
  OddFloats(size_t count, std::mt19937& random) : OddFloats(count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (size_t i = 0; i < count; i++) data()[i] = uniform(random);
  }
  UnalignedFloat* data() { return reinterpret_cast<UnalignedFloat*>(bytes_.data() + 1); }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

size_t product(const ConvShape& shape, size_t (*of)(const ConvAxis&)) {
  size_t count = 1;
  for (const ConvAxis& axis : shape.axes) count *= of(axis);
  return count;
}
size_t inputPlane(const ConvShape& shape) {
  return product(shape, [](const ConvAxis& axis) { return axis.input; });
}
size_t outputPlane(const ConvShape& shape) {
  return product(shape, [](const ConvAxis& axis) { return axis.output(); });
}

std::string name(const ConvShape& shape) {
  std::string text = "batch " + std::to_string(shape.batch) + " groups " + std::to_string(shape.groups) + " channels " +
                     std::to_string(shape.inputChannels) + "→" + std::to_string(shape.outputChannels);
  for (const ConvAxis& axis : shape.axes)
    text += ", " + std::to_string(axis.input) + " kernel " + std::to_string(axis.kernel) + " stride " +
            std::to_string(axis.stride) + " dilation " + std::to_string(axis.dilation) + " pads " +
            std::to_string(axis.padBegin) + "+" + std::to_string(axis.padEnd);
  return text;
}

double activate(const Activation& activation, double x) {
  using enum Activation::Kind;
  const double alpha = activation.alpha, beta = activation.beta;
  const auto hard = [&] { return std::fmin(1, std::fmax(0, alpha * x + beta)); };
  switch (activation.kind) {
    case none:
      return x;
    case clip:
      return std::fmin(beta, std::fmax(alpha, x));
    case leakyRelu:
      return x < 0 ? alpha * x : x;
    case hardSigmoid:
      return hard();
    case hardSwish:
      return x * hard();
    case sigmoid:
      return 1 / (1 + std::exp(-x));
    case silu:
      return x / (1 + std::exp(-x));
    case tanh:
      return std::tanh(x);
    case gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case geluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

struct Expected {
  std::vector<double> values, norms;  // of the terms that make a value
};

// The definition: a sum over the window for each place.
Expected expect(const ConvShape& shape, const UnalignedFloat* x, const UnalignedFloat* filters,
                const ConvEpilogue& epilogue) {
  const size_t inputs = shape.inputChannels / shape.groups, outputs = shape.outputChannels / shape.groups;
  const ConvAxis* axes = shape.axes;
  Expected expected;
  for (size_t image = 0; image < shape.batch; image++)
    for (size_t o = 0; o < shape.outputChannels; o++)
      for (size_t d = 0; d < axes[0].output(); d++)
        for (size_t h = 0; h < axes[1].output(); h++)
          for (size_t w = 0; w < axes[2].output(); w++) {
            double sum = 0, norm = 0;
            for (size_t i = 0; i < inputs; i++)
              for (size_t kd = 0; kd < axes[0].kernel; kd++)
                for (size_t kh = 0; kh < axes[1].kernel; kh++)
                  for (size_t kw = 0; kw < axes[2].kernel; kw++) {
                    const size_t channel = o / outputs * inputs + i;
                    const size_t at[3] = {d * axes[0].stride + kd * axes[0].dilation,
                                          h * axes[1].stride + kh * axes[1].dilation,
                                          w * axes[2].stride + kw * axes[2].dilation};
                    size_t place = image * shape.inputChannels + channel;
                    bool isInside = true;
                    for (size_t axis = 0; axis < 3; axis++) {
                      isInside &= at[axis] >= axes[axis].padBegin && at[axis] < axes[axis].padBegin + axes[axis].input;
                      place = place * axes[axis].input + at[axis] - axes[axis].padBegin;
                    }
                    if (!isInside) continue;
                    const size_t filter =
                        (((o * inputs + i) * axes[0].kernel + kd) * axes[1].kernel + kh) * axes[2].kernel + kw;
                    const double term = static_cast<double>(filters[filter]) * static_cast<double>(x[place]);
                    sum += term;
                    norm += std::fabs(term);
                  }
            const auto add = [&](double term) {
              sum += term;
              norm += std::fabs(term);
            };
            if (epilogue.bias) add(static_cast<double>(epilogue.bias[o]));
            if (epilogue.residual) add(static_cast<double>(epilogue.residual[expected.values.size()]));
            expected.values.push_back(activate(epilogue.activation, sum));
            expected.norms.push_back(norm);
          }
  return expected;
}

class Conv : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(setLevel(GetParam())); }
  static void TearDownTestSuite() { setLevel(availableLevels().back()); }
};

void check(const ConvShape& shape, std::mt19937& random, const Activation& activation, bool hasBias, bool hasResidual) {
  const size_t depth = shape.inputChannels / shape.groups * shape.kernelSize();
  const size_t count = shape.batch * shape.outputChannels * outputPlane(shape);
  OddFloats x(shape.batch * shape.inputChannels * inputPlane(shape), random);
  OddFloats filters(shape.outputChannels * depth, random), bias(shape.outputChannels, random), residual(count, random);
  const ConvEpilogue epilogue{.bias = hasBias ? bias.data() : nullptr,
                              .residual = hasResidual ? residual.data() : nullptr,
                              .activation = activation};
  const Expected expected = expect(shape, x.data(), filters.data(), epilogue);
  ASSERT_EQ(expected.values.size(), count);
  std::vector<uint8_t> first;
  for (unsigned threads = 1; threads <= 3; threads++) {
    const Execution execution{.threads = threads};
    PreparedConv prepared;
    ASSERT_TRUE(prepared.prepare(execution, shape, filters.data()).ok());
    OddFloats y(count);
    ASSERT_TRUE(conv(execution, prepared, shape, x.data(), y.data(), epilogue).ok()) << name(shape);
    if (threads > 1) {
      ASSERT_EQ(y.bytes(), first) << name(shape) << ", " << threads << " threads";
      continue;
    }
    first = y.bytes();
    for (size_t i = 0; i < count; i++) {
      // Each step rounds; an activation at most multiplies that by its slope, 1.1, and adds a few roundings of its own.
      const double tolerance =
          std::ldexp(static_cast<double>(depth + 4) * 1.1 * expected.norms[i], -24) + std::ldexp(4, -24);
      ASSERT_NEAR(static_cast<double>(y.data()[i]), expected.values[i], tolerance)
          << name(shape) << " activation " << static_cast<int>(activation.kind) << " at " << i;
    }
  }
}

const Activation activations[] = {{},
                                  Activation::relu(),
                                  Activation::clip(-0.5f, 0.75f),
                                  Activation::leakyRelu(0.1f),
                                  Activation::hardSigmoid(0.2f, 0.5f),
                                  Activation::hardSwish(),
                                  Activation::sigmoid(),
                                  Activation::silu(),
                                  {.kind = Activation::Kind::tanh},
                                  {.kind = Activation::Kind::gelu},
                                  {.kind = Activation::Kind::geluTanh}};

ConvShape shapeOf(size_t batch, size_t groups, size_t inputs, size_t outputs, const std::vector<ConvAxis>& axes) {
  ConvShape shape{.batch = batch,
                  .groups = groups,
                  .inputChannels = inputs,
                  .outputChannels = outputs,
                  .rank = axes.size(),
                  .axes = {}};
  for (size_t i = 0; i < axes.size(); i++) shape.axes[3 - axes.size() + i] = axes[i];
  return shape;
}

TEST_P(Conv, EqualsTheDefinition) {
  const ConvShape shapes[] = {
      // Pointwise: fewer and more columns than a strip, tiles of every height, depths beyond a block.
      shapeOf(1, 1, 3, 5, {{.input = 7}, {.input = 9}}),
      shapeOf(2, 1, 17, 31, {{.input = 7}, {.input = 7}}),
      shapeOf(1, 1, 300, 16, {{.input = 5}, {.input = 40}}),
      shapeOf(1, 1, 530, 3, {{.input = 9}, {.input = 11}}),
      shapeOf(1, 1, 16, 96, {{.input = 33}, {.input = 40}}),
      shapeOf(3, 2, 8, 30, {{.input = 13}, {.input = 13}}),
      shapeOf(1, 1, 40, 60, {{.input = 13, .stride = 2}, {.input = 14, .stride = 2}}),
      shapeOf(1, 1, 4, 3, {{.input = 5, .padBegin = 1}, {.input = 5, .padEnd = 2}}),
      // A window that is the image.
      shapeOf(2, 1, 60, 23, {{}, {}}),
      shapeOf(2, 2, 6, 14, {{.input = 3, .kernel = 3}, {.input = 2, .kernel = 2}}),
      // Windows.
      shapeOf(1, 1, 3, 16,
              {{.input = 31, .kernel = 3, .stride = 2, .padBegin = 1, .padEnd = 1},
               {.input = 45, .kernel = 3, .stride = 2, .padBegin = 1, .padEnd = 1}}),
      shapeOf(2, 1, 24, 29,
              {{.input = 20, .kernel = 3, .padBegin = 1, .padEnd = 1},
               {.input = 20, .kernel = 3, .padBegin = 1, .padEnd = 1}}),
      shapeOf(1, 1, 40, 20, {{.input = 30, .kernel = 5, .padBegin = 3, .padEnd = 1}, {.input = 17, .kernel = 4}}),
      shapeOf(1, 1, 1, 6, {{.input = 28, .kernel = 5}, {.input = 28, .kernel = 5, .padBegin = 2, .padEnd = 2}}),
      shapeOf(1, 3, 6, 9,
              {{.input = 12, .kernel = 3, .stride = 3, .dilation = 2, .padBegin = 2},
               {.input = 19, .kernel = 2, .stride = 1, .dilation = 5, .padBegin = 4, .padEnd = 3}}),
      shapeOf(1, 1, 5, 4,
              {{.input = 2, .kernel = 7, .padBegin = 3, .padEnd = 3},
               {.input = 3, .kernel = 5, .padBegin = 4, .padEnd = 9}}),
      shapeOf(1, 1, 2, 3,
              {{.input = 9, .kernel = 2, .stride = 5}, {.input = 40, .kernel = 3, .stride = 4, .padBegin = 1}}),
      shapeOf(1, 1, 2, 3, {{.input = 3, .kernel = 4}, {.input = 9, .kernel = 3}}),
      shapeOf(0, 1, 2, 3, {{.input = 3}, {.input = 9, .kernel = 3}}),
      // Large enough for several bands.
      shapeOf(1, 1, 70, 15,
              {{.input = 60, .kernel = 3, .padBegin = 1, .padEnd = 1},
               {.input = 70, .kernel = 3, .padBegin = 1, .padEnd = 1}}),
      // One and three dimensions.
      shapeOf(2, 1, 12, 20, {{.input = 333, .kernel = 9, .stride = 2, .padBegin = 4, .padEnd = 4}}),
      shapeOf(1, 1, 4, 5, {{.input = 70, .kernel = 3, .dilation = 8, .padBegin = 16}}),
      shapeOf(1, 1, 3, 7,
              {{.input = 6, .kernel = 3, .padBegin = 1, .padEnd = 1},
               {.input = 7, .kernel = 2, .stride = 2, .padEnd = 1},
               {.input = 11, .kernel = 3, .stride = 2, .dilation = 2, .padBegin = 2, .padEnd = 1}}),
      shapeOf(2, 2, 4, 6, {{.input = 4}, {.input = 5}, {.input = 6}}),
  };
  std::mt19937 random(1);
  size_t turn = 0;
  for (const ConvShape& shape : shapes)
    for (const bool hasBias : {false, true})
      for (const bool hasResidual : {false, true})
        check(shape, random, activations[turn++ % std::size(activations)], hasBias, hasResidual);
}

// Tiles leave results, row by row, where rows are whole vectors and the activation no more than bounds.
TEST_P(Conv, RowsOfWholeVectors) {
  std::mt19937 random(6);
  for (const size_t width : {4, 8, 12, 16, 24, 32, 48, 80})
    for (const size_t stride : {1, 2})
      for (const Activation& activation : {Activation{}, Activation::relu(), Activation::clip(-0.5f, 0.75f)}) {
        const ConvAxis rows{.input = 9, .kernel = 3, .stride = stride, .padBegin = 1, .padEnd = 1};
        const ConvAxis columns{.input = width * stride, .kernel = 3, .stride = stride, .padBegin = 1, .padEnd = 1};
        check(shapeOf(2, 1, 3, 20, {rows, columns}), random, activation, width % 8 == 0, false);
        check(shapeOf(1, 2, 4, 14, {{.input = 5, .kernel = 2}, rows, columns}), random, activation, true, false);
        check(shapeOf(1, 1, 3, 7, {columns}), random, activation, true, false);
      }
}

TEST_P(Conv, Depthwise) {
  std::mt19937 random(2);
  size_t turn = 0;
  for (const size_t kernel : {1, 2, 3, 5})
    for (const size_t stride : {1, 2, 3})
      for (const auto& [height, width] : {std::pair<size_t, size_t>{1, 1}, {7, 7}, {14, 13}, {21, 50}, {6, 33}})
        for (const size_t filters : {1, 2}) {
          const size_t pad = (kernel - 1) / 2;
          ConvShape shape =
              shapeOf(2, 3, 3, 3 * filters,
                      {{.input = height, .kernel = kernel, .stride = stride, .padBegin = pad, .padEnd = 1},
                       {.input = width, .kernel = kernel, .stride = stride, .padBegin = pad, .padEnd = pad}});
          const Activation& activation = activations[turn++ % std::size(activations)];
          check(shape, random, activation, turn % 2 == 0, turn % 3 == 0);
          shape.axes[1].stride = 1;
          shape.axes[2].padBegin = 4;
          shape.axes[2].dilation = 2;
          check(shape, random, activation, turn % 2 == 1, turn % 3 == 1);
          shape.axes[1].dilation = 2;
          check(shape, random, activation, true, false);
        }
  check(shapeOf(1, 2, 2, 2,
                {{.input = 500, .kernel = 3, .padBegin = 1, .padEnd = 1},
                 {.input = 600, .kernel = 3, .padBegin = 1, .padEnd = 1}}),
        random, Activation::relu(), true, false);
  check(shapeOf(1, 4, 4, 4, {{.input = 100, .kernel = 5, .padBegin = 2, .padEnd = 2}}), random, {}, true, false);
  check(shapeOf(1, 4, 4, 4,
                {{.input = 3},
                 {.input = 9, .kernel = 3, .padBegin = 1, .padEnd = 1},
                 {.input = 9, .kernel = 3, .padBegin = 1, .padEnd = 1}}),
        random, {}, true, false);
}

TEST_P(Conv, RandomShapes) {
  std::mt19937 random(3);
  const auto upTo = [&](size_t most) { return 1 + random() % most; };
  for (size_t turn = 0; turn < 120; turn++) {
    std::vector<ConvAxis> axes(upTo(3));
    for (ConvAxis& axis : axes)
      axis = {.input = upTo(24),
              .kernel = upTo(4),
              .stride = upTo(3),
              .dilation = upTo(2),
              .padBegin = random() % 4,
              .padEnd = random() % 4};
    const size_t groups = upTo(3);
    check(shapeOf(upTo(2), groups, groups * upTo(9), groups * upTo(20), axes), random,
          activations[turn % std::size(activations)], turn % 2 == 0, turn % 3 == 0);
    if (HasFatalFailure()) return;
  }
}

// NaN and infinity go through the sums and every activation that has a value for them.
TEST_P(Conv, KeepsNaN) {
  const ConvShape shape = shapeOf(1, 1, 1, 1, {{.input = 1}, {.input = 40}});
  std::vector<float> x(40, 1), y(40);
  x[3] = std::nanf("");
  x[5] = INFINITY;
  const float filter = 1;
  for (const Activation& activation : activations) {
    PreparedConv prepared;
    ASSERT_TRUE(prepared.prepare(Execution{}, shape, &filter).ok());
    ASSERT_TRUE(conv(Execution{}, prepared, shape, x.data(), y.data(), {nullptr, nullptr, activation}).ok());
    EXPECT_TRUE(std::isnan(y[3])) << static_cast<int>(activation.kind);
    EXPECT_EQ(y[5], static_cast<float>(activate(activation, INFINITY))) << static_cast<int>(activation.kind);
  }
}

TEST_P(Conv, RefusesGroupsThatDoNotDivide) {
  PreparedConv prepared;
  const Status status = prepared.prepare(Execution{}, shapeOf(1, 2, 3, 4, {{}, {}}), nullptr);
  EXPECT_STREQ(status.code, "PARE_SHAPE");
}

// Each element of x adds a window of y.
TEST_P(Conv, TransposeEqualsTheDefinition) {
  std::mt19937 random(4);
  const auto upTo = [&](size_t most) { return 1 + random() % most; };
  for (size_t turn = 0; turn < 150; turn++) {
    ConvTransposeShape shape;
    shape.groups = upTo(3);
    shape.batch = upTo(2);
    shape.inputChannels = shape.groups * upTo(turn % 7 == 0 ? 40 : 4);
    shape.outputChannels = shape.groups * upTo(turn % 5 == 0 ? 30 : 4);
    for (size_t i = 2 - turn % 3; i < 3; i++) {
      ConvTransposeAxis& axis = shape.axes[i];
      axis = {.input = upTo(i == 2 ? 40 : 6), .kernel = upTo(4), .stride = upTo(3), .dilation = upTo(2)};
      axis.outputPadding = random() % axis.stride;
      axis.padBegin = random() % 2;
      axis.padEnd = random() % 2;
    }
    const ConvTransposeAxis* axes = shape.axes;
    const size_t outputs = shape.outputChannels / shape.groups, inputs = shape.inputChannels / shape.groups;
    size_t window = 1, inputPlane = 1, outputPlane = 1;
    for (const ConvTransposeAxis& axis : shape.axes) {
      window *= axis.kernel;
      inputPlane *= axis.input;
      outputPlane *= axis.output();
    }
    const size_t count = shape.batch * shape.outputChannels * outputPlane;
    OddFloats x(shape.batch * shape.inputChannels * inputPlane, random);
    OddFloats filters(shape.inputChannels * outputs * window, random), bias(shape.outputChannels, random);
    std::vector<double> wanted(count), norms(count);
    for (size_t i = 0; i < count; i++)
      wanted[i] = static_cast<double>(bias.data()[i / outputPlane % shape.outputChannels]);
    for (size_t i = 0; i < shape.batch * shape.inputChannels * inputPlane; i++)
      for (size_t o = 0; o < outputs; o++)
        for (size_t k = 0; k < window; k++) {
          const size_t channel = i / inputPlane % shape.inputChannels, image = i / inputPlane / shape.inputChannels;
          const size_t element[3] = {k / axes[2].kernel / axes[1].kernel, k / axes[2].kernel % axes[1].kernel,
                                     k % axes[2].kernel};
          const size_t from[3] = {i % inputPlane / axes[2].input / axes[1].input, i / axes[2].input % axes[1].input,
                                  i % axes[2].input};
          size_t at = image * shape.outputChannels + channel / inputs * outputs + o;
          bool isInside = true;
          for (size_t axis = 0; axis < 3; axis++) {
            const size_t place = from[axis] * axes[axis].stride + element[axis] * axes[axis].dilation;
            isInside &= place >= axes[axis].padBegin && place < axes[axis].padBegin + axes[axis].output();
            at = at * axes[axis].output() + place - axes[axis].padBegin;
          }
          if (!isInside) continue;
          const double term = static_cast<double>(x.data()[i]) *
                              static_cast<double>(filters.data()[(channel * outputs + o) * window + k]);
          wanted[at] += term;
          norms[at] += std::fabs(term);
        }
    const Activation& activation = activations[turn % std::size(activations)];
    std::vector<uint8_t> first;
    for (unsigned threads = 1; threads <= 3; threads++) {
      const Execution execution{.threads = threads};
      PreparedConvTranspose prepared;
      ASSERT_TRUE(prepared.prepare(execution, shape, filters.data()).ok());
      OddFloats y(count);
      ASSERT_TRUE(
          convTranspose(execution, prepared, shape, x.data(), y.data(), {bias.data(), nullptr, activation}).ok());
      if (threads > 1)
        ASSERT_EQ(y.bytes(), first) << turn;
      else
        first = y.bytes();
      for (size_t i = 0; i < count; i++)
        ASSERT_NEAR(static_cast<double>(y.data()[i]), activate(activation, wanted[i]),
                    std::ldexp(static_cast<double>(inputs * window + 4) * 1.1 * (norms[i] + 1), -24))
            << "turn " << turn << " at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Conv, testing::ValuesIn(availableLevels()),
                         [](const auto& level) { return level.param; });

}  // namespace
}  // namespace pare
