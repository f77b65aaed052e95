// A quantization's error as JavaScript sees it: { signal, noise, maxError, count }.
#pragma once

#include <napi.h>

#include "kernels/compare.h"

namespace pare::binding {

inline void setError(Napi::Object object, const QuantizationError& error) {
  object.Set("signal", error.signal);
  object.Set("noise", error.noise);
  object.Set("maxError", error.maxError);
  object.Set("count", static_cast<double>(error.count));
}

inline Napi::Object objectOf(Napi::Env env, const QuantizationError& error) {
  Napi::Object object = Napi::Object::New(env);
  setError(object, error);
  return object;
}

}  // namespace pare::binding
