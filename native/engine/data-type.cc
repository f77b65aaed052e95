// Names and sizes of ONNX's element types (see data-type.h).
#include "engine/data-type.h"

#include <iterator>

namespace pare {
namespace {

struct TypeFacts {
  const char* name;
  unsigned bits;
};
constexpr TypeFacts facts[] = {
    {"unknown", 0},        {"float32", 32},  {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"float64", 64},  {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},
};
static_assert(std::size(facts) == dataTypeCount);

}  // namespace

const char* dataTypeName(DataType type) { return facts[static_cast<unsigned>(type)].name; }
unsigned bitsOf(DataType type) { return facts[static_cast<unsigned>(type)].bits; }

std::string typeNames(TypeSet types) {
  std::string text;
  int left = 0;
  for (int i = 0; i < dataTypeCount; ++i) left += types.contains(static_cast<DataType>(i));
  for (int i = 0; i < dataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    if (!types.contains(type)) continue;
    text += dataTypeName(type);
    --left;
    if (left > 0) text += left == 1 ? " or " : ", ";
  }
  return text;
}

}  // namespace pare
