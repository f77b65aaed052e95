// ONNX's element types, by the numbers of TensorProto.DataType, and sets of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pare {

enum class DataType : uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
};
constexpr int dataTypeCount = 27;

// "float32", "bool", …; "unknown" for undefined.
const char* dataTypeName(DataType type);

// Bits an element takes in ONNX's raw_data: 4 and 2 where several share a byte; 0 for strings and undefined.
unsigned bitsOf(DataType type);

// The type of a TensorProto.DataType number; undefined where there is none.
constexpr DataType dataTypeOf(int64_t number) {
  return number > 0 && number < dataTypeCount ? static_cast<DataType>(number) : DataType::undefined;
}

struct TypeSet {
  uint32_t bits = 0;

  constexpr TypeSet() = default;
  constexpr TypeSet(DataType type) : bits(uint32_t{1} << static_cast<unsigned>(type)) {}
  constexpr bool contains(DataType type) const { return (bits >> static_cast<unsigned>(type)) & 1; }
  // The only member; undefined where there are none or several.
  constexpr DataType single() const {
    if (bits == 0 || (bits & (bits - 1)) != 0) return DataType::undefined;
    unsigned index = 0;
    while (((bits >> index) & 1) == 0) ++index;
    return static_cast<DataType>(index);
  }
  friend constexpr TypeSet operator|(TypeSet a, TypeSet b) {
    TypeSet both;
    both.bits = a.bits | b.bits;
    return both;
  }
};
constexpr TypeSet operator|(DataType a, DataType b) { return TypeSet(a) | TypeSet(b); }

// "float16, float32 or int8".
std::string typeNames(TypeSet types);

namespace types {
constexpr TypeSet f16 = DataType::float16, f32 = DataType::float32, f64 = DataType::float64, bf16 = DataType::bfloat16;
constexpr TypeSet i4 = DataType::int4, i8 = DataType::int8, i16 = DataType::int16, i32 = DataType::int32,
                  i64 = DataType::int64;
constexpr TypeSet u4 = DataType::uint4, u8 = DataType::uint8, u16 = DataType::uint16, u32 = DataType::uint32,
                  u64 = DataType::uint64;
constexpr TypeSet boolean = DataType::boolean, string = DataType::string;
constexpr TypeSet floats = f16 | f32 | f64 | bf16;
constexpr TypeSet signedIntegers = i8 | i16 | i32 | i64;
constexpr TypeSet unsignedIntegers = u8 | u16 | u32 | u64;
constexpr TypeSet integers = signedIntegers | unsignedIntegers;
constexpr TypeSet numbers = floats | integers;
constexpr TypeSet float8s = DataType::float8e4m3fn | DataType::float8e4m3fnuz | DataType::float8e5m2 |
                            DataType::float8e5m2fnuz | DataType::float8e8m0;
constexpr TypeSet narrow = i4 | u4 | DataType::int2 | DataType::uint2 | DataType::float4e2m1;
constexpr TypeSet complexes = DataType::complex64 | DataType::complex128;
constexpr TypeSet any = numbers | float8s | narrow | complexes | boolean | string;
// What data movers move: elements of 1, 2, 4 or 8 bytes.
constexpr TypeSet movable = numbers | float8s | boolean | DataType::complex64;
constexpr TypeSet index = i32 | i64;
constexpr TypeSet bytes = i8 | u8;
constexpr TypeSet quantized = bytes | i16 | u16 | i4 | u4 | float8s | DataType::float4e2m1;
}  // namespace types

}  // namespace pare
