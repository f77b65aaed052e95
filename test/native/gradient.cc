// Kernels of gradients at every level against the reference: odd lengths, unaligned, in place; convolutions' gradients
// against sums written out.
#include "kernels/gradient.h"

#include "engine/conv-gradient.h"
#include "levels.h"

namespace pare {
namespace {

// Ordinary numbers, one byte off every alignment.
class Loose {
 public:
  explicit Loose(size_t count, float step = 0, float scale = 1) : count_(count), bytes_(count * 4 + 1) {
    for (size_t i = 0; i < count; i++) data()[i] = scale * std::sin(static_cast<float>(i) * step);
  }
  UnalignedFloat* data() { return reinterpret_cast<UnalignedFloat*>(bytes_.data() + 1); }
  size_t count() const { return count_; }

 private:
  size_t count_;
  std::vector<uint8_t> bytes_;
};

void expectNear(Loose& got, Loose& wanted, float tolerance, const std::string& what) {
  for (size_t i = 0; i < wanted.count(); i++)
    ASSERT_NEAR(got.data()[i], wanted.data()[i], tolerance * (1 + std::fabs(wanted.data()[i])))
        << what << ": element " << i << " of " << wanted.count();
}

using Gradients = Levels;
const GradientKernels& kernelsOf(const std::string& level) { return *findKernels(level.c_str())->gradient; }

TEST_P(Gradients, OfGelu) {
  for (const auto function : {&GradientKernels::gelu, &GradientKernels::geluTanh})
    for (const size_t count : oddCounts) {
      Loose dy(count, 1.3f), x(count, 0.7f, 6), wanted(count), got(count);
      (kernelsOf("reference").*function)(dy.data(), x.data(), wanted.data(), count);
      (kernelsOf(GetParam()).*function)(dy.data(), x.data(), got.data(), count);
      expectNear(got, wanted, 1e-6f, GetParam());
      (kernelsOf(GetParam()).*function)(dy.data(), x.data(), dy.data(), count);
      expectNear(dy, wanted, 1e-6f, GetParam() + " in place");
    }
}

TEST_P(Gradients, OfSoftmax) {
  for (const size_t length : {1, 7, 16, 65, 1000}) {
    const size_t rows = 5, count = rows * length;
    Loose dy(count, 1.3f), y(count, 0.7f), wanted(count), got(count);
    kernelsOf("reference").softmaxRows(dy.data(), y.data(), wanted.data(), rows, length);
    kernelsOf(GetParam()).softmaxRows(dy.data(), y.data(), got.data(), rows, length);
    expectNear(got, wanted, 1e-5f, GetParam());
    kernelsOf(GetParam()).softmaxRows(dy.data(), y.data(), dy.data(), rows, length);
    expectNear(dy, wanted, 1e-5f, GetParam() + " in place");
  }
}

TEST_P(Gradients, OfLayerNorm) {
  for (const size_t length : {1, 3, 8, 33, 768})
    for (const float mean : {0.0f, 100.0f}) {
      const size_t rows = 4, count = rows * length;
      Loose dy(count, 1.3f), x(count, 0.7f), scale(length, 2.1f);
      for (size_t i = 0; i < count; i++) x.data()[i] += mean;
      const auto run = [&](const std::string& level, Loose& dx, std::vector<float>& sums) {
        sums.assign(2 * length, 0.5f);
        kernelsOf(level).layerNormRows({.dy = dy.data(),
                                        .x = x.data(),
                                        .scale = scale.data(),
                                        .dx = dx.data(),
                                        .dScale = sums.data(),
                                        .dBias = sums.data() + length,
                                        .rowCount = rows,
                                        .length = length,
                                        .epsilon = 1e-3f});
      };
      Loose wanted(count), got(count);
      std::vector<float> wantedSums, gotSums;
      run("reference", wanted, wantedSums);
      run(GetParam(), got, gotSums);
      // What a large mean has taken from the elements no order gives back.
      const float tolerance = 2e-5f * (1 + mean * 0.2f);
      expectNear(got, wanted, tolerance, GetParam() + " of length " + std::to_string(length));
      for (size_t i = 0; i < gotSums.size(); i++) ASSERT_NEAR(gotSums[i], wantedSums[i], tolerance) << GetParam();
    }
}

TEST_P(Gradients, OfMaxPoolPairs) {
  for (const size_t count : {1, 3, 4, 5, 17, 100}) {
    Loose dy(count, 1.3f);
    // Few different numbers, so that many are equal, and NaN.
    Loose upper(2 * count, 2.3f, 2), lower(2 * count, 1.9f, 2);
    for (Loose* row : {&upper, &lower})
      for (size_t i = 0; i < 2 * count; i++) row->data()[i] = std::round(row->data()[i]);
    lower.data()[0] = std::nanf("");
    if (count > 3) upper.data()[7] = lower.data()[6] = std::nanf("");
    const auto run = [&](const std::string& level) {
      Loose above(2 * count), below(2 * count);
      kernelsOf(level).maxPoolPairs({.upper = upper.data(),
                                     .lower = lower.data(),
                                     .dy = dy.data(),
                                     .dUpper = above.data(),
                                     .dLower = below.data(),
                                     .count = count});
      std::vector<float> all;
      for (Loose* row : {&above, &below})
        for (size_t i = 0; i < 2 * count; i++) {
          const float value = row->data()[i];  // no reference to where it stands: that is no place for a float
          all.push_back(value);
        }
      return all;
    };
    EXPECT_EQ(run(GetParam()), run("reference")) << GetParam();
  }
}

TEST_P(Gradients, CopyAndAddRows) {
  for (const size_t columns : {1, 5, 8, 24, 31}) {
    Loose from(7 * 40, 0.7f), copied(7 * 33, 1.1f), added(7 * 33, 1.1f), wantedCopy(7 * 33, 1.1f),
        wantedSum(7 * 33, 1.1f);
    const auto plane = [&](Loose& to) {
      return PlaneRows{
          .from = from.data(), .fromStride = 40, .to = to.data(), .toStride = 33, .rows = 7, .columns = columns};
    };
    kernelsOf("reference").copyRows(plane(wantedCopy));
    kernelsOf("reference").addRows(plane(wantedSum));
    kernelsOf(GetParam()).copyRows(plane(copied));
    kernelsOf(GetParam()).addRows(plane(added));
    expectNear(copied, wantedCopy, 0, GetParam());
    expectNear(added, wantedSum, 0, GetParam());
  }
}

// y[n, o, p] = Σ w[o, i, k] · x[n, i, p·stride + k·dilation − pad], written out for both gradients.
struct Plain {
  std::vector<double> filters, image;

  Plain(const ConvGradient& of)
      : filters(of.groups * of.outputs * of.window()), image(of.batch * of.groups * of.inputs * of.image()) {
    const PoolAxis* a = of.axes;
    for (size_t n = 0; n < of.batch; n++)
      for (size_t g = 0; g < of.groups; g++)
        for (size_t o = 0; o < of.outputs; o++)
          for (size_t p = 0; p < of.places(); p++) {
            const size_t place[3] = {p / a[2].output / a[1].output, p / a[2].output % a[1].output, p % a[2].output};
            const double dy = of.dy[((n * of.groups + g) * of.outputs + o) * of.places() + p];
            for (size_t k = 0; k < of.window(); k++) {
              const size_t kernel = of.window() / of.inputs, e = k % kernel;
              const size_t element[3] = {e / a[2].kernel / a[1].kernel, e / a[2].kernel % a[1].kernel, e % a[2].kernel};
              size_t at = 0;
              bool isInside = true;
              for (size_t i = 0; i < 3; i++) {
                const size_t on = place[i] * a[i].stride + element[i] * a[i].dilation - a[i].padBegin;
                isInside = isInside && on < a[i].input;
                at = at * a[i].input + on;
              }
              if (!isInside) continue;
              const size_t from = ((n * of.groups + g) * of.inputs + k / kernel) * of.image() + at,
                           filter = (g * of.outputs + o) * of.window() + k;
              filters[filter] += dy * of.x[from];
              image[from] += dy * of.filters[filter];
            }
          }
  }
};

PoolAxis axisOf(size_t input, size_t kernel, size_t stride, size_t dilation, size_t padBegin, size_t padEnd) {
  PoolAxis axis{};
  axis.input = input;
  axis.kernel = kernel;
  axis.stride = stride;
  axis.dilation = dilation;
  axis.padBegin = padBegin;
  axis.padEnd = padEnd;
  axis.output = (input + padBegin + padEnd - (kernel - 1) * dilation - 1) / stride + 1;
  return axis;
}

TEST_P(Gradients, OfConvolutions) {
  const PoolAxis unit = axisOf(1, 1, 1, 1, 0, 0);
  struct Case {
    size_t batch, groups, inputs, outputs;
    PoolAxis axes[3];
  };
  const Case cases[] = {
      {1, 1, 1, 1, {unit, unit, axisOf(1, 1, 1, 1, 0, 0)}},
      {70, 1, 3, 5, {unit, axisOf(12, 5, 1, 1, 0, 0), axisOf(11, 5, 1, 1, 0, 0)}},
      {3, 2, 2, 3, {unit, axisOf(9, 3, 2, 1, 1, 0), axisOf(8, 3, 2, 1, 1, 1)}},
      {2, 1, 3, 4, {unit, axisOf(10, 3, 1, 2, 2, 1), axisOf(7, 2, 3, 1, 0, 1)}},
      {5, 7, 1, 1, {unit, axisOf(6, 3, 1, 1, 1, 1), axisOf(5, 3, 1, 1, 1, 1)}},
      // Depthwise, with strides in one dimension, in both with an end that no window reaches, and dilated.
      {3, 9, 1, 1, {unit, axisOf(12, 5, 2, 1, 2, 2), axisOf(24, 5, 1, 1, 2, 2)}},
      {2, 5, 1, 1, {unit, axisOf(10, 3, 2, 1, 0, 0), axisOf(13, 3, 2, 1, 1, 0)}},
      {2, 4, 1, 1, {unit, axisOf(7, 3, 1, 1, 2, 1), axisOf(20, 3, 1, 2, 0, 3)}},
      {2, 1, 2, 2, {axisOf(5, 2, 2, 1, 0, 1), axisOf(4, 3, 1, 1, 1, 1), axisOf(6, 2, 1, 3, 3, 0)}},
      {4, 1, 9, 17, {unit, unit, axisOf(40, 9, 1, 1, 0, 0)}},
      {2, 1, 8, 6, {unit, axisOf(5, 1, 1, 1, 0, 0), axisOf(5, 1, 1, 1, 0, 0)}},
      // A window wider than the image, and padding that no element of the image is under.
      {1, 1, 2, 3, {unit, axisOf(2, 5, 1, 1, 4, 4), axisOf(3, 4, 2, 1, 3, 3)}},
  };
  for (const Case& one : cases) {
    ConvGradient of{.batch = one.batch,
                    .groups = one.groups,
                    .inputs = one.inputs,
                    .outputs = one.outputs,
                    .axes = {one.axes[0], one.axes[1], one.axes[2]}};
    const size_t channels = one.groups * one.outputs;
    Loose dy(of.batch * channels * of.places(), 1.3f), x(of.batch * of.groups * of.inputs * of.image(), 0.7f),
        filters(channels * of.window(), 0.9f), dFilters(filters.count()), dx(x.count());
    of.dy = dy.data();
    of.x = x.data();
    of.filters = filters.data();
    const Plain wanted(of);
    const Execution execution{.kernels = *findKernels(GetParam().c_str()), .threads = 2};
    ASSERT_TRUE(filterGradient(execution, of, dFilters.data()).ok());
    ASSERT_TRUE(inputGradient(execution, of, dx.data()).ok());
    const std::string what = "case " + std::to_string(&one - cases) + " on " + GetParam();
    for (size_t i = 0; i < filters.count(); i++)
      ASSERT_NEAR(dFilters.data()[i], wanted.filters[i], 2e-4) << what << ", filters' element " << i;
    for (size_t i = 0; i < x.count(); i++) ASSERT_NEAR(dx.data()[i], wanted.image[i], 1e-4) << what << ", " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(AllLevels, Gradients, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
