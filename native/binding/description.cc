// Reading graphs (see description.h).
#include "binding/description.h"

namespace pare::binding {
namespace {

std::vector<std::string> readStrings(Napi::Value value) {
  if (!value.IsArray()) fail(value.Env(), "PARE_TYPE", "strings must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> strings(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) strings[i] = readString(array.Get(i), "strings");
  return strings;
}

}  // namespace

void readDescription(const Napi::CallbackInfo& info, Graph& graph) {
  const Bytes words = readBytes(info[0], "words");
  if (words.type != napi_int32_array) fail(info.Env(), "PARE_TYPE", "words must be an Int32Array");
  if (!info[2].IsArray()) fail(info.Env(), "PARE_TYPE", "bytes must be an array");
  const Napi::Array array = info[2].As<Napi::Array>();
  std::vector<std::span<const uint8_t>> bytes;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Bytes one = readBytes(array.Get(i), "bytes");
    bytes.emplace_back(one.data, one.byteLength);
  }
  check(info.Env(), readGraph({words.as<const int32_t>(), words.byteLength / 4}, readStrings(info[1]), bytes, graph));
}

}  // namespace pare::binding
