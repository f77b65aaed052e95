// packMatMulNBits(x, { k, n, blockSize, symmetric, out?, measure? }, call) and packBnb4(x, { k, n, blockSize, type,
// out?, measure? }, call); `out` takes the data; with `measure`, the result has an `error`.
#include "engine/four-bit.h"

#include <memory>

#include "binding/error-object.h"
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

// What packing finds beside its outputs.
struct Findings {
  uint64_t nanCount = 0;
  QuantizationError error;
};

// Lets the task's result say what was found; null where the caller does not want to know the error.
std::pair<uint64_t*, QuantizationError*> report(Task& task, Napi::Object options) {
  const auto findings = std::make_shared<Findings>();
  const bool measure = options.Get("measure").ToBoolean();
  task.finish = [=](Napi::Object object) {
    object.Set("nanCount", static_cast<double>(findings->nanCount));
    if (measure) object.Set("error", objectOf(object.Env(), findings->error));
  };
  return {&findings->nanCount, measure ? &findings->error : nullptr};
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
  const Output data = prepareOutput(env, options.Get("out"), in.n * blocks * in.blockSize / 2);
  const Output scales = prepareOutput(env, fresh, in.n * blocks * 4);
  const Output zeroPoints = symmetric ? Output{} : prepareOutput(env, fresh, in.n * ((blocks + 1) / 2));
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data.value);
  result.Set("scales", scales.value);
  if (!symmetric) result.Set("zeroPoints", zeroPoints.value);
  task.value = result;
  const auto [nans, error] = report(task, options);
  task.compute = [=, nans = nans, error = error](const Execution& execution) {
    return pare::packMatMulNBits(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize, data.data,
                                 reinterpret_cast<UnalignedFloat*>(scales.data), zeroPoints.data, nans, error);
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
  const Output data = prepareOutput(env, options.Get("out"), (count + 1) / 2);
  const Output absmax = prepareOutput(env, env.Undefined(), (count + in.blockSize - 1) / in.blockSize * 4);
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data.value);
  result.Set("absmax", absmax.value);
  task.value = result;
  const auto [nans, error] = report(task, options);
  task.compute = [=, nans = nans, error = error, isNf4 = type == "nf4"](const Execution& execution) {
    return pare::packBnb4(execution, in.x.as<const UnalignedFloat>(), in.k, in.n, in.blockSize, isNf4, data.data,
                          reinterpret_cast<UnalignedFloat*>(absmax.data), nans, error);
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("packMatMulNBits", Napi::Function::New(env, packMatMulNBits));
  exports.Set("packBnb4", Napi::Function::New(env, packBnb4));
});

}  // namespace
}  // namespace pare::binding
