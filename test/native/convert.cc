// Conversion between types at every level against the reference, and small floats against their definitions.
#include "engine/convert.h"

#include "engine/small-floats.h"
#include "levels.h"

namespace pare {
namespace {

constexpr DataType kernelTypes[] = {DataType::float32, DataType::float64, DataType::int8,   DataType::uint8,
                                    DataType::int16,   DataType::uint16,  DataType::int32,  DataType::uint32,
                                    DataType::int64,   DataType::uint64,  DataType::boolean};

// Numbers around every type's bounds, one byte off.
std::vector<uint8_t> hardNumbers(DataType dtype, size_t count) {
  const size_t size = bitsOf(dtype) / 8;
  std::vector<uint8_t> bytes(count * size + 1);
  std::mt19937_64 random(7);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = random();
    const auto power = static_cast<int>(random() % 68);
    const double offset = static_cast<double>(static_cast<int64_t>(random() % 7) - 3) / 2;
    const double real = (random() % 2 ? 1 : -1) * std::ldexp(1.0, power) + offset;
    if (dtype == DataType::float32) {
      const HardFloats hard(i + 1);
      const float value = i % 3 ? static_cast<float>(real) : float{hard.data()[i]};
      std::memcpy(&bits, &value, 4);
    } else if (dtype == DataType::float64) {
      const double value = i % 11 == 10  ? std::nan("")
                           : i % 11 == 9 ? (i % 2 ? INFINITY : -INFINITY)
                           : i % 11 == 8 ? 1e300
                                         : real;
      std::memcpy(&bits, &value, 8);
    } else if (i % 4 == 0) {
      bits = uint64_t{1} << (random() % 64);
    } else if (i % 4 == 1) {
      bits = ~uint64_t{0} << (random() % 64);
    }
    std::memcpy(bytes.data() + 1 + i * size, &bits, size);
  }
  return bytes;
}

using Conversions = Levels;

TEST_P(Conversions, EqualTheReference) {
  for (const DataType from : kernelTypes) {
    for (const size_t count : {0, 1, 3, 17, 70, 500}) {
      const std::vector<uint8_t> in = hardNumbers(from, count);
      for (const DataType to : kernelTypes) {
        const auto compute = [&] {
          std::vector<uint8_t> out(count * (bitsOf(to) / 8) + 2, 42);
          kernels().convert->at(*numberOf(from), *numberOf(to))(in.data() + 1, out.data() + 1, count);
          return out;
        };
        expectReferenceBytes(GetParam(), compute, std::string(dataTypeName(from)) + " to " + dataTypeName(to));
      }
    }
  }
}

// Several chunks, and elements of parts of a byte.
TEST_P(Conversions, GoThereAndBack) {
  ASSERT_TRUE(setLevel(GetParam()));
  const Execution execution{.threads = 2};
  for (const DataType through :
       {DataType::float16, DataType::bfloat16, DataType::float8e4m3fn, DataType::float8e5m2, DataType::float8e4m3fnuz,
        DataType::float8e5m2fnuz, DataType::int4, DataType::int2, DataType::float64, DataType::int8}) {
    for (const size_t count : {1, 2, 5, 1023, 70003}) {
      std::vector<float> in(count), back(count, 42);
      for (size_t i = 0; i < count; i++) in[i] = static_cast<float>(i % 3) - (through == DataType::int2 ? 2 : 1);
      std::vector<uint8_t> middle((count * bitsOf(through) + 7) / 8);
      ASSERT_TRUE(convert(execution, {DataType::float32, through}, in.data(), middle.data(), count).ok());
      ASSERT_TRUE(convert(execution, {through, DataType::float32}, middle.data(), back.data(), count).ok());
      for (size_t i = 0; i < count; i++) ASSERT_EQ(back[i], in[i]) << dataTypeName(through) << " at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Conversions, testing::ValuesIn(levelsBesideReference()));

// Every pattern is the nearest to its own value, and halfway between two the even one is.
TEST(SmallFloats, RoundToNearest) {
  for (const DataType dtype : {DataType::float8e4m3fn, DataType::float8e4m3fnuz, DataType::float8e5m2,
                               DataType::float8e5m2fnuz, DataType::float4e2m1}) {
    const Conversion conversion{DataType::float32, dtype};
    const int last = bitsOf(dtype) == 8 ? 0x7f : 7;
    for (int bits = 0; bits <= last; bits++) {
      const auto pattern = static_cast<uint8_t>(bits);
      const float value = fromSmallFloat(dtype, pattern);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(fromSmallFloat(dtype, toSmallFloat(conversion, value))));
        continue;
      }
      if (std::isinf(value)) continue;
      EXPECT_EQ(toSmallFloat(conversion, value), pattern) << dataTypeName(dtype);
      if (value > 0) {
        EXPECT_EQ(toSmallFloat(conversion, -value), pattern | (last + 1)) << dataTypeName(dtype);
      }
      const float next = bits < last ? fromSmallFloat(dtype, static_cast<uint8_t>(bits + 1)) : INFINITY;
      if (!std::isfinite(next)) continue;
      const float middle = value + (next - value) / 2;
      const auto even = static_cast<uint8_t>(bits % 2 ? bits + 1 : bits);
      EXPECT_EQ(toSmallFloat(conversion, middle), even) << dataTypeName(dtype) << " of " << middle;
      EXPECT_EQ(toSmallFloat(conversion, std::nextafter(middle, 0.0f)), pattern);
      EXPECT_EQ(toSmallFloat(conversion, std::nextafter(middle, INFINITY)), pattern + 1);
    }
  }
}

TEST(SmallFloats, Saturate) {
  struct Case {
    DataType dtype;
    float value;
    uint8_t saturated, other;
  };
  const Case cases[] = {
      {DataType::float8e4m3fn, 464, 0x7e, 0x7e},       {DataType::float8e4m3fn, 465, 0x7e, 0x7f},
      {DataType::float8e4m3fn, -INFINITY, 0xfe, 0xff}, {DataType::float8e4m3fnuz, 1e9f, 0x7f, 0x80},
      {DataType::float8e5m2, 1e9f, 0x7b, 0x7c},        {DataType::float8e5m2, -INFINITY, 0xfb, 0xfc},
      {DataType::float8e5m2fnuz, 1e9f, 0x7f, 0x80},    {DataType::float8e4m3fnuz, -0.0f, 0, 0},
      {DataType::float8e5m2fnuz, NAN, 0x80, 0x80},     {DataType::float4e2m1, -1e9f, 0xf, 0xf},
  };
  for (const Case& one : cases) {
    Conversion conversion{DataType::float32, one.dtype};
    EXPECT_EQ(toSmallFloat(conversion, one.value), one.saturated) << dataTypeName(one.dtype) << " " << one.value;
    conversion.saturates = false;
    EXPECT_EQ(toSmallFloat(conversion, one.value), one.other) << dataTypeName(one.dtype) << " " << one.value;
  }
}

}  // namespace
}  // namespace pare
