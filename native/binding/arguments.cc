// Reading and checking arguments (see arguments.h).
#include "binding/arguments.h"

#include <cmath>
#include <cstring>

#include "binding/lent-blobs.h"

namespace pare::binding {

void fail(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

bool isMissing(Napi::Value value) { return value.IsEmpty() || value.IsUndefined() || value.IsNull(); }

Bytes readBytes(Napi::Value value, const char* name) {
  const Napi::Env env = value.Env();
  if (!value.IsTypedArray()) fail(env, "PARE_TYPE", std::string(name) + " must be a typed array");
  Bytes bytes;
  napi_value buffer = nullptr;
  void* data = nullptr;
  size_t length = 0, offset = 0;
  if (napi_get_typedarray_info(env, value, &bytes.type, &length, &data, &buffer, &offset) != napi_ok)
    fail(env, "PARE_TYPE", std::string(name) + " cannot be read as a typed array");
  static constexpr size_t elementSizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};  // in the order of napi_typedarray_type
  bytes.byteLength = length * elementSizes[bytes.type];
  bytes.data = static_cast<uint8_t*>(data);
  bytes.owner = value;
  bool detached = false;
  if (length == 0 && napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && detached)
    fail(env, "PARE_TYPE", std::string(name) + " lies on a detached buffer (transferred to another thread?)");
  const Napi::Object bufferObject(env, buffer);
  bytes.isShared = !bufferObject.IsArrayBuffer();
  const Napi::Value flag = bufferObject.Get(bytes.isShared ? "growable" : "resizable");
  if (flag.IsBoolean() && flag.As<Napi::Boolean>().Value())
    fail(env, "PARE_TYPE", std::string(name) + " lies on a resizable buffer, whose memory may go away; copy it first");
  return bytes;
}

Bytes readFloats(Napi::Value value, const char* name) {
  const Bytes bytes = readBytes(value, name);
  const bool fits = bytes.type == napi_float32_array || (bytes.type == napi_uint8_array && bytes.byteLength % 4 == 0);
  if (!fits) fail(value.Env(), "PARE_TYPE", std::string(name) + " must be a Float32Array");
  return bytes;
}

Napi::ArrayBuffer adoptBlob(Napi::Env env, std::unique_ptr<Blob> blob) {
  // Node makes no larger buffers of foreign memory.
  constexpr size_t maximumByteLength = size_t{1} << 32;
  if (blob->byteLength() > maximumByteLength)
    fail(env, "PARE_MEMORY",
         "one buffer has at most 4 GiB; " + std::to_string(blob->byteLength()) + " bytes are wanted");
  // Some failures run the finalizer and others do not: the blob outlives the call either way, and goes exactly once.
  struct Holder {
    std::shared_ptr<Blob> blob;
    std::shared_ptr<bool> isReleased;
    ~Holder() { LentBlobs::remove(*blob); }
  };
  const std::shared_ptr<Blob> shared = std::move(blob);
  const auto isReleased = std::make_shared<bool>(false);
  auto* holder = new Holder{shared, isReleased};
  LentBlobs::add(shared);
  const auto release = [](napi_env, void*, void* hint) {
    const std::unique_ptr<Holder> owned(static_cast<Holder*>(hint));
    *owned->isReleased = true;
  };
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, shared->data(), shared->byteLength(), release, holder, &buffer);
  if (status == napi_ok) return Napi::ArrayBuffer(env, buffer);
  if (!*isReleased) delete holder;
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, shared->byteLength());
  std::memcpy(copy.Data(), shared->data(), shared->byteLength());
  return copy;
}

Napi::ArrayBuffer newArrayBuffer(Napi::Env env, size_t byteLength) {
  // V8's own allocator is the cheaper one for small results; ours saves page faults on large ones.
  constexpr size_t ownFrom = size_t{1} << 20;
  if (byteLength < ownFrom) return Napi::ArrayBuffer::New(env, byteLength);
  std::unique_ptr<Blob> blob = Blob::allocate(byteLength);
  if (!blob) fail(env, "PARE_MEMORY", "no memory for a result of " + std::to_string(byteLength) + " bytes");
  return adoptBlob(env, std::move(blob));
}

Output prepareOutput(Napi::Env env, Napi::Value given, size_t byteLength, const char* name) {
  if (isMissing(given)) {
    Napi::ArrayBuffer buffer = newArrayBuffer(env, byteLength);
    return {static_cast<uint8_t*>(buffer.Data()), buffer};
  }
  const Bytes bytes = readBytes(given, name);
  if (bytes.byteLength != byteLength)
    fail(env, "PARE_SHAPE",
         std::string(name) + " has " + std::to_string(bytes.byteLength) + " bytes; the result has " +
             std::to_string(byteLength));
  return {bytes.data, given};
}

size_t readCount(Napi::Value value, const char* name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740991.0 && number == std::floor(number)))
    fail(value.Env(), "PARE_OPTION", std::string(name) + " must be a non-negative integer");
  return static_cast<size_t>(number);
}

double readNumber(Napi::Value value, const char* name) {
  if (!value.IsNumber()) fail(value.Env(), "PARE_OPTION", std::string(name) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::string readString(Napi::Value value, const char* name) {
  if (!value.IsString()) fail(value.Env(), "PARE_OPTION", std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

}  // namespace pare::binding
