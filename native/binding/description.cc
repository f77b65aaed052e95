// Reading graphs (see description.h).
#include "binding/description.h"

#include <cstring>

#include "binding/lent-blobs.h"

namespace pare::binding {
namespace {

std::vector<std::string> readStrings(Napi::Value value) {
  if (!value.IsArray()) fail(value.Env(), "PARE_TYPE", "strings must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> strings(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) strings[i] = readString(array.Get(i), "strings");
  return strings;
}

// Copies lie one after the other in one blob.
void keep(Napi::Env env, std::vector<std::span<const uint8_t>>& bytes, std::vector<std::shared_ptr<const Blob>>& kept) {
  constexpr size_t alignment = 64;
  std::vector<size_t> copied;
  size_t total = 0;
  for (size_t i = 0; i < bytes.size(); i++) {
    std::shared_ptr<Blob> blob = LentBlobs::find(bytes[i].data(), bytes[i].size());
    if (!blob) {
      copied.push_back(i);
      total += (bytes[i].size() + alignment - 1) / alignment * alignment;
    } else if (kept.empty() || kept.back() != blob) {
      kept.push_back(std::move(blob));
    }
  }
  const std::shared_ptr<Blob> copies = Blob::allocate(total);
  if (!copies) fail(env, "PARE_MEMORY", "no memory for " + std::to_string(total) + " bytes of weights");
  uint8_t* at = copies->data();
  for (const size_t i : copied) {
    if (!bytes[i].empty()) std::memcpy(at, bytes[i].data(), bytes[i].size());
    bytes[i] = {at, bytes[i].size()};
    at += (bytes[i].size() + alignment - 1) / alignment * alignment;
  }
  kept.push_back(copies);
}

}  // namespace

void readDescription(const Napi::CallbackInfo& info, Graph& graph, std::vector<std::shared_ptr<const Blob>>* kept) {
  const Bytes words = readBytes(info[0], "words");
  if (words.type != napi_int32_array) fail(info.Env(), "PARE_TYPE", "words must be an Int32Array");
  if (!info[2].IsArray()) fail(info.Env(), "PARE_TYPE", "bytes must be an array");
  const Napi::Array array = info[2].As<Napi::Array>();
  std::vector<std::span<const uint8_t>> bytes;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Bytes one = readBytes(array.Get(i), "bytes");
    bytes.emplace_back(one.data, one.byteLength);
  }
  if (kept) keep(info.Env(), bytes, *kept);
  check(info.Env(), readGraph({words.as<const int32_t>(), words.byteLength / 4}, readStrings(info[1]), bytes, graph));
}

}  // namespace pare::binding
