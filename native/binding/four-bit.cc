// packMatMulNBits(x, { k, n, blockSize, symmetric }, call), packBnb4(x, { k, n, blockSize, type }, call), and how far
// what they return is from x: matMulNBitsError and bnb4Error(x, packed, options, call).
#include "engine/four-bit.h"

#include <memory>

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

struct Matrix {
  Bytes x;
  size_t k, n, blockSize;
};

Matrix readMatrix(Napi::Value x, Napi::Object options, size_t largestBlock) {
  const Napi::Env env = options.Env();
  const Matrix matrix{readFloats(x, "x"), readCount(options.Get("k"), "k"), readCount(options.Get("n"), "n"),
                      readCount(options.Get("blockSize"), "blockSize")};
  size_t count = 0;
  if (__builtin_mul_overflow(matrix.k, matrix.n, &count) || count != matrix.x.byteLength / 4)
    fail(env, "PARE_SHAPE",
         "x has " + std::to_string(matrix.x.byteLength / 4) + " elements; k × n is " + std::to_string(matrix.k) +
             " × " + std::to_string(matrix.n));
  const size_t block = matrix.blockSize;
  if (block < 16 || block > largestBlock || (block & (block - 1)))
    fail(env, "PARE_OPTION",
         "blockSize must be a power of two from 16 to " + std::to_string(largestBlock) + "; got " +
             std::to_string(block));
  return matrix;
}

Napi::Object readOptions(Napi::Value value) {
  if (!value.IsObject()) fail(value.Env(), "PARE_OPTION", "options must be an object with k, n and blockSize");
  return value.As<Napi::Object>();
}

Napi::Value packMatMulNBits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Napi::Object options = readOptions(info[1]);
  const Matrix in = readMatrix(info[0], options, FourBitKernels::maximumBlock);
  task.pin(in.x);
  const bool symmetric = options.Get("symmetric").ToBoolean();
  const size_t blocks = (in.k + in.blockSize - 1) / in.blockSize;
  const Napi::Value fresh = env.Undefined();
  const Output data = prepareOutput(env, fresh, in.n * blocks * in.blockSize / 2);
  const Output scales = prepareOutput(env, fresh, in.n * blocks * 4);
  const Output zeroPoints = symmetric ? Output{} : prepareOutput(env, fresh, in.n * ((blocks + 1) / 2));
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data.value);
  result.Set("scales", scales.value);
  if (!symmetric) result.Set("zeroPoints", zeroPoints.value);
  task.value = result;
  auto nans = std::make_shared<uint64_t>(0);
  task.finish = [nans](Napi::Object object) { object.Set("nanCount", static_cast<double>(*nans)); };
  task.compute = [=](const Execution& execution) {
    return pare::packMatMulNBits(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize, data.data,
                                 reinterpret_cast<UnalignedFloat*>(scales.data), zeroPoints.data, nans.get());
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

Napi::Value packBnb4(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Napi::Object options = readOptions(info[1]);
  const Matrix in = readMatrix(info[0], options, 4096);
  task.pin(in.x);
  const std::string type = readString(options.Get("type"), "type");
  if (type != "nf4" && type != "fp4") fail(env, "PARE_OPTION", "type must be nf4 or fp4; got " + type);
  const size_t count = in.k * in.n;
  const Output data = prepareOutput(env, env.Undefined(), (count + 1) / 2);
  const Output absmax = prepareOutput(env, env.Undefined(), (count + in.blockSize - 1) / in.blockSize * 4);
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data.value);
  result.Set("absmax", absmax.value);
  task.value = result;
  auto nans = std::make_shared<uint64_t>(0);
  task.finish = [nans](Napi::Object object) { object.Set("nanCount", static_cast<double>(*nans)); };
  task.compute = [=, isNf4 = type == "nf4"](const Execution& execution) {
    return pare::packBnb4(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize, isNf4, data.data,
                          reinterpret_cast<UnalignedFloat*>(absmax.data), nans.get());
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

// A packed array of exactly as many bytes as the matrix needs.
const uint8_t* readPacked(Task& task, Napi::Object packed, const char* name, size_t byteLength) {
  const Bytes bytes = task.pin(readBytes(packed.Get(name), name));
  if (bytes.byteLength != byteLength)
    fail(packed.Env(), "PARE_SHAPE",
         std::string(name) + " has " + std::to_string(bytes.byteLength) + " bytes; the matrix needs " +
             std::to_string(byteLength));
  return bytes.data;
}

// Finishes both: a promise or value of { signal, noise, maxError, count }.
template <class Compute>
Napi::Value runError(Napi::Env env, Task task, const CallOptions& call, Compute&& compute) {
  auto error = std::make_shared<QuantizationError>();
  task.value = Napi::Object::New(env);
  task.finish = [error](Napi::Object object) {
    object.Set("signal", error->signal);
    object.Set("noise", error->noise);
    object.Set("maxError", error->maxError);
    object.Set("count", static_cast<double>(error->count));
  };
  task.compute = [=](const Execution& execution) { return compute(execution, error.get()); };
  return run(std::move(task), call);
}

Napi::Value matMulNBitsError(const Napi::CallbackInfo& info) {
  Task task(info);
  const Matrix in = readMatrix(info[0], readOptions(info[2]), FourBitKernels::maximumBlock);
  task.pin(in.x);
  const Napi::Object packed = readOptions(info[1]);
  const size_t blocks = (in.k + in.blockSize - 1) / in.blockSize;
  const uint8_t* data = readPacked(task, packed, "data", in.n * blocks * in.blockSize / 2);
  const uint8_t* scales = readPacked(task, packed, "scales", in.n * blocks * 4);
  const bool symmetric = packed.Get("zeroPoints").IsUndefined();
  const uint8_t* zeroPoints = symmetric ? nullptr : readPacked(task, packed, "zeroPoints", in.n * ((blocks + 1) / 2));
  return runError(info.Env(), std::move(task), CallOptions::read(info[3]),
                  [=](const Execution& execution, QuantizationError* error) {
                    return pare::matMulNBitsError(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize,
                                                  data, reinterpret_cast<const UnalignedFloat*>(scales), zeroPoints,
                                                  error);
                  });
}

Napi::Value bnb4Error(const Napi::CallbackInfo& info) {
  Task task(info);
  const Napi::Object options = readOptions(info[2]);
  const Matrix in = readMatrix(info[0], options, 4096);
  task.pin(in.x);
  const std::string type = readString(options.Get("type"), "type");
  if (type != "nf4" && type != "fp4") fail(info.Env(), "PARE_OPTION", "type must be nf4 or fp4; got " + type);
  const Napi::Object packed = readOptions(info[1]);
  const size_t count = in.k * in.n;
  const uint8_t* data = readPacked(task, packed, "data", (count + 1) / 2);
  const uint8_t* absmax = readPacked(task, packed, "absmax", (count + in.blockSize - 1) / in.blockSize * 4);
  return runError(info.Env(), std::move(task), CallOptions::read(info[3]),
                  [=, isNf4 = type == "nf4"](const Execution& execution, QuantizationError* error) {
                    return pare::bnb4Error(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize, isNf4,
                                           data, reinterpret_cast<const UnalignedFloat*>(absmax), error);
                  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("packMatMulNBits", Napi::Function::New(env, packMatMulNBits));
  exports.Set("packBnb4", Napi::Function::New(env, packBnb4));
  exports.Set("matMulNBitsError", Napi::Function::New(env, matMulNBitsError));
  exports.Set("bnb4Error", Napi::Function::New(env, bnb4Error));
});

}  // namespace
}  // namespace pare::binding
