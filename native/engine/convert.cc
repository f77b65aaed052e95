// Conversion between element types (see convert.h).
#include "engine/convert.h"

#include <array>
#include <cmath>
#include <cstring>

#include "engine/small-floats.h"

namespace pare {
namespace {

using namespace types;

constexpr TypeSet packedIntegers = i4 | u4 | DataType::int2 | DataType::uint2;
constexpr TypeSet smallFloats = float8s | DataType::float4e2m1;

// Elements of less than a byte, the first in the lowest bits. Pieces begin at whole bytes.
uint8_t packedAt(const uint8_t* in, unsigned bits, size_t i) {
  const size_t perByte = 8 / bits;
  return static_cast<uint8_t>(in[i / perByte] >> (i % perByte * bits) & ((1u << bits) - 1));
}
void setPacked(uint8_t* out, unsigned bits, size_t i, uint8_t value) {
  const size_t perByte = 8 / bits;
  const auto part = static_cast<uint8_t>((value & ((1u << bits) - 1)) << (i % perByte * bits));
  uint8_t& byte = out[i / perByte];
  byte = static_cast<uint8_t>(i % perByte == 0 ? part : byte | part);
}

// What both sides of a piece go by way of.
union Bridge {
  float real;
  int32_t whole;
};
constexpr size_t bridgeCount = 1024;

class Converter {
 public:
  Converter(const KernelTable& kernels, const Conversion& conversion)
      : kernels_(kernels), conversion_(conversion), isWhole_(isWhole(conversion)) {}

  // `count` elements from the one numbered `begin` on.
  void run(const uint8_t* in, uint8_t* out, size_t begin, size_t count) const {
    const size_t fromBits = bitsOf(conversion_.from), toBits = bitsOf(conversion_.to);
    alignas(64) std::array<Bridge, bridgeCount> bridge;
    for (size_t done = 0; done < count; done += bridgeCount) {
      const size_t part = std::min(bridgeCount, count - done), at = begin + done;
      read(in + at * fromBits / 8, bridge.data(), part);
      write(bridge.data(), out + at * toBits / 8, part);
    }
  }

 private:
  static bool isWhole(const Conversion& conversion) {
    constexpr TypeSet whole = packedIntegers | integers | boolean;
    return whole.contains(conversion.from) && whole.contains(conversion.to);
  }
  Number bridgeNumber() const { return isWhole_ ? Number::int32 : Number::float32; }

  void read(const uint8_t* in, Bridge* bridge, size_t count) const {
    const DataType type = conversion_.from;
    auto* floats = reinterpret_cast<UnalignedFloat*>(bridge);
    if (const auto number = numberOf(type)) {
      kernels_.convert->at(*number, bridgeNumber())(in, bridge, count);
    } else if (type == DataType::float16) {
      kernels_.float16->fromFloat16(reinterpret_cast<const UnalignedUint16*>(in), floats, count);
    } else if (type == DataType::bfloat16) {
      kernels_.float16->fromBfloat16(reinterpret_cast<const UnalignedUint16*>(in), floats, count);
    } else {
      const unsigned bits = bitsOf(type);
      const bool isSigned = type == DataType::int4 || type == DataType::int2;
      for (size_t i = 0; i < count; i++) {
        const uint8_t pattern = bits == 8 ? in[i] : packedAt(in, bits, i);
        const int whole = isSigned && pattern >> (bits - 1) ? int{pattern} - (1 << bits) : int{pattern};
        if (smallFloats.contains(type))
          floats[i] = fromSmallFloat(type, pattern);
        else if (isWhole_)
          bridge[i].whole = whole;
        else
          floats[i] = static_cast<float>(whole);
      }
    }
  }

  void write(const Bridge* bridge, uint8_t* out, size_t count) const {
    const DataType type = conversion_.to;
    const auto* floats = reinterpret_cast<const UnalignedFloat*>(bridge);
    if (const auto number = numberOf(type)) {
      kernels_.convert->at(bridgeNumber(), *number)(bridge, out, count);
    } else if (type == DataType::float16) {
      kernels_.float16->toFloat16(floats, reinterpret_cast<UnalignedUint16*>(out), count);
    } else if (type == DataType::bfloat16) {
      kernels_.float16->toBfloat16(floats, reinterpret_cast<UnalignedUint16*>(out), count);
    } else {
      const unsigned bits = bitsOf(type);
      for (size_t i = 0; i < count; i++) {
        const uint8_t pattern = smallFloats.contains(type) ? toSmallFloat(conversion_, floats[i])
                                : isWhole_                 ? static_cast<uint8_t>(bridge[i].whole)
                                                           : lowBits(floats[i]);
        if (bits == 8)
          out[i] = pattern;
        else
          setPacked(out, bits, i, pattern);
      }
    }
  }

  // Packed integers round half away from zero, as ONNX Runtime does, and keep their low bits.
  static uint8_t lowBits(float value) {
    const float whole = std::round(value);
    return std::fabs(whole) < 0x1p31f ? static_cast<uint8_t>(static_cast<int32_t>(whole)) : uint8_t{0};
  }

  const KernelTable& kernels_;
  const Conversion& conversion_;
  bool isWhole_;
};

}  // namespace

std::optional<Number> numberOf(DataType dtype) {
  switch (dtype) {
    case DataType::float32:
      return Number::float32;
    case DataType::float64:
      return Number::float64;
    case DataType::int8:
      return Number::int8;
    case DataType::uint8:
      return Number::uint8;
    case DataType::int16:
      return Number::int16;
    case DataType::uint16:
      return Number::uint16;
    case DataType::int32:
      return Number::int32;
    case DataType::uint32:
      return Number::uint32;
    case DataType::int64:
      return Number::int64;
    case DataType::uint64:
      return Number::uint64;
    case DataType::boolean:
      return Number::boolean;
    default:
      return std::nullopt;
  }
}

Status convert(const Execution& execution, const Conversion& conversion, const void* in, void* out, size_t count) {
  const auto* read = static_cast<const uint8_t*>(in);
  auto* write = static_cast<uint8_t*>(out);
  const size_t fromBits = bitsOf(conversion.from), toBits = bitsOf(conversion.to);
  const auto from = numberOf(conversion.from), to = numberOf(conversion.to);
  if (conversion.from == conversion.to) {
    if (count > 0) std::memcpy(out, in, (count * fromBits + 7) / 8);
  } else if (from && to) {
    const ConvertKernels::Function run = execution.kernels.convert->at(*from, *to);
    execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      run(read + begin * fromBits / 8, write + begin * toBits / 8, end - begin);
    });
  } else {
    const Converter converter(execution.kernels, conversion);
    execution.forEachChunk(count, elementwiseGrain,
                           [&](size_t begin, size_t end) { converter.run(read, write, begin, end - begin); });
  }
  return execution.outcome();
}

}  // namespace pare
