// Reading and checking what JavaScript passes in; every complaint is an Error with a `code`.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>

#include "engine/blob.h"
#include "engine/execution.h"

namespace pare::binding {

// Bytes borrowed from a typed array for the time of a call. The caller of JavaScript keeps the array alive (Task::pin).
struct Bytes {
  uint8_t* data = nullptr;
  size_t byteLength = 0;
  napi_typedarray_type type = napi_uint8_array;
  bool isShared = false;  // other threads may write to them
  Napi::Value owner;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
};

// Throws a JavaScript Error whose `code` is `code`.
[[noreturn]] void fail(Napi::Env env, const char* code, const std::string& message);
inline void check(Napi::Env env, const Status& status) {
  if (!status.ok()) fail(env, status.code, status.message);
}

// A typed array over an ordinary or a shared buffer. Detached and resizable buffers are refused: their memory can go
// away under a call. `name` is the argument's name in messages.
Bytes readBytes(Napi::Value value, const char* name);

// float32 values: a Float32Array, or the raw bytes of them in a Uint8Array, at any offset.
Bytes readFloats(Napi::Value value, const char* name);

// A buffer of exactly `byteLength` bytes to write the result to: the caller's, checked, or a new one of ours when
// undefined.
struct Output {
  uint8_t* data = nullptr;
  Napi::Value value;  // the caller's array, or a new ArrayBuffer
};
Output prepareOutput(Napi::Env env, Napi::Value given, size_t byteLength, const char* name = "out");

// A new ArrayBuffer over zeroed native memory. Throws PARE_MEMORY where there is none.
Napi::ArrayBuffer newArrayBuffer(Napi::Env env, size_t byteLength);

// An ArrayBuffer that owns `blob` and frees it when it is collected; a copy where the host forbids external buffers
// (Electron).
Napi::ArrayBuffer adoptBlob(Napi::Env env, std::unique_ptr<Blob> blob);

size_t readCount(Napi::Value value, const char* name);  // a non-negative integer that a double holds exactly
double readNumber(Napi::Value value, const char* name);
std::string readString(Napi::Value value, const char* name);
bool isMissing(Napi::Value value);  // undefined or null

}  // namespace pare::binding
