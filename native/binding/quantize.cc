// quantize(x, layout, options, out, call), dequantize(q, layout, options, out, call) and quantizationError(x, q,
// layout, options, call); layout is { outer, axis, inner, blockSize }.
#include "engine/quantize.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "binding/error-object.h"
#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

QuantizedType readType(Napi::Value value) {
  static constexpr const char* names[] = {"int8", "uint8", "int16", "uint16", "int4", "uint4"};
  const std::string name = readString(value, "dtype");
  for (size_t i = 0; i < std::size(names); i++)
    if (name == names[i]) return static_cast<QuantizedType>(i);
  fail(value.Env(), "PARE_OPTION", "dtype must be int8, uint8, int16, uint16, int4 or uint4; got " + name);
}

// The layout of a tensor whose stored bytes must fit it, as values of `byteLengthFor`.
template <class ByteLengthFor>
QuantizationLayout readLayout(Napi::Value value, const Bytes& bytes, const char* name, ByteLengthFor&& byteLengthFor) {
  const Napi::Env env = value.Env();
  if (!value.IsObject()) fail(env, "PARE_OPTION", "layout must be { outer, axis, inner, blockSize }");
  const auto object = value.As<Napi::Object>();
  const QuantizationLayout layout{.outer = readCount(object.Get("outer"), "layout.outer"),
                                  .axis = readCount(object.Get("axis"), "layout.axis"),
                                  .inner = readCount(object.Get("inner"), "layout.inner"),
                                  .blockSize = readCount(object.Get("blockSize"), "layout.blockSize")};
  size_t product = 0;
  const bool overflows = __builtin_mul_overflow(layout.outer, layout.axis, &product) ||
                         __builtin_mul_overflow(product, layout.inner, &product);
  if (overflows || product > (size_t{1} << 48) || byteLengthFor(product) != bytes.byteLength)
    fail(env, "PARE_SHAPE",
         std::string(name) + " has " + std::to_string(bytes.byteLength) + " bytes, which a layout of " +
             std::to_string(layout.outer) + " × " + std::to_string(layout.axis) + " × " + std::to_string(layout.inner) +
             " elements does not fit");
  return layout;
}

size_t floatBytes(size_t count) { return count * 4; }

// The given scale and zero point; zero points are zero where none are given.
QuantizationParameters readParameters(Napi::Object options, QuantizedType type, size_t scaleCount) {
  const Napi::Env env = options.Env();
  QuantizationParameters parameters;
  const Bytes scale = readFloats(options.Get("scale"), "scale");
  if (scale.byteLength != scaleCount * 4)
    fail(env, "PARE_SHAPE",
         "scale has " + std::to_string(scale.byteLength / 4) + " elements; the layout needs " +
             std::to_string(scaleCount));
  parameters.scale.resize(scaleCount);
  if (scaleCount) std::memcpy(parameters.scale.data(), scale.data, scale.byteLength);
  const auto isScale = [](float value) { return value > 0 && value <= std::numeric_limits<float>::max(); };
  const auto wrong = std::find_if_not(parameters.scale.begin(), parameters.scale.end(), isScale);
  if (wrong != parameters.scale.end())
    fail(env, "PARE_OPTION",
         "scale[" + std::to_string(wrong - parameters.scale.begin()) + "] must be above zero and finite; got " +
             std::to_string(*wrong));
  parameters.zeroPoint.resize(scaleCount);
  if (const Napi::Value given = options.Get("zeroPoint"); !isMissing(given)) {
    const Bytes zeroPoint = readBytes(given, "zeroPoint");
    const size_t wanted = byteLengthOf(type, scaleCount);
    if (zeroPoint.byteLength != wanted)
      fail(env, "PARE_SHAPE",
           "zeroPoint has " + std::to_string(zeroPoint.byteLength) + " bytes; " + std::to_string(scaleCount) +
               " of them take " + std::to_string(wanted));
    unpackIntegers(type, zeroPoint.data, parameters.zeroPoint.data(), scaleCount);
  }
  return parameters;
}

Napi::Object readOptions(Napi::Value value) {
  if (!value.IsObject()) fail(value.Env(), "PARE_OPTION", "options must be an object with a dtype");
  return value.As<Napi::Object>();
}

struct QuantizeJob {
  QuantizationParameters parameters;
  uint64_t nanCount = 0;
};

Napi::Value quantize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes in = task.pin(readFloats(info[0], "x"));
  const QuantizationLayout layout = readLayout(info[1], in, "x", floatBytes);
  const Napi::Object options = readOptions(info[2]);
  const QuantizedType type = readType(options.Get("dtype"));
  const bool symmetric = options.Get("symmetric").ToBoolean(), reduceRange = options.Get("reduceRange").ToBoolean();
  auto job = std::make_shared<QuantizeJob>();
  const bool given = !isMissing(options.Get("scale"));
  const size_t scaleCount = layout.scaleCount();
  if (given) job->parameters = readParameters(options, type, scaleCount);
  const Output out = prepareOutput(env, info[3], byteLengthOf(type, layout.count()));
  const Output scale = prepareOutput(env, env.Undefined(), scaleCount * 4);
  const Output zeroPoint = prepareOutput(env, env.Undefined(), byteLengthOf(type, scaleCount));
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", out.value);
  result.Set("scale", scale.value);
  result.Set("zeroPoint", zeroPoint.value);
  task.value = result;
  task.finish = [job](Napi::Object object) { object.Set("nanCount", static_cast<double>(job->nanCount)); };
  task.compute = [=](const Execution& execution) {
    if (!given) {
      Status status = computeParameters(execution, in.as<const UnalignedFloat>(), layout, type, symmetric, reduceRange,
                                        job->parameters);
      if (!status.ok()) return status;
    }
    if (scaleCount) std::memcpy(scale.data, job->parameters.scale.data(), scaleCount * 4);
    packIntegers(type, job->parameters.zeroPoint.data(), zeroPoint.data, scaleCount);
    return pare::quantize(execution, in.as<const UnalignedFloat>(), layout, type, job->parameters, out.data,
                          &job->nanCount);
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

// The quantized side of a call: q, checked against the layout, and its parameters.
struct Quantized {
  Bytes q;
  QuantizedType type;
  QuantizationLayout layout;
  std::shared_ptr<QuantizationParameters> parameters;
};

Quantized readQuantized(Napi::Value q, Napi::Value layout, Napi::Object options) {
  Quantized result{.q = readBytes(q, "q"), .type = readType(options.Get("dtype")), .layout = {}, .parameters = {}};
  const QuantizedType type = result.type;
  result.layout = readLayout(layout, result.q, "q", [=](size_t count) { return byteLengthOf(type, count); });
  result.parameters =
      std::make_shared<QuantizationParameters>(readParameters(options, type, result.layout.scaleCount()));
  return result;
}

Napi::Value dequantize(const Napi::CallbackInfo& info) {
  Task task(info);
  const Quantized in = readQuantized(info[0], info[1], readOptions(info[2]));
  task.pin(in.q);
  const Output out = prepareOutput(info.Env(), info[3], in.layout.count() * 4);
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    return pare::dequantize(execution, in.q.data, in.layout, in.type, *in.parameters,
                            reinterpret_cast<UnalignedFloat*>(out.data));
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

Napi::Value quantizationError(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes x = task.pin(readFloats(info[0], "x"));
  const Quantized in = readQuantized(info[1], info[2], readOptions(info[3]));
  task.pin(in.q);
  if (x.byteLength != in.layout.count() * 4)
    fail(env, "PARE_SHAPE",
         "x has " + std::to_string(x.byteLength / 4) + " elements, q " + std::to_string(in.layout.count()));
  auto error = std::make_shared<QuantizationError>();
  task.value = Napi::Object::New(env);
  task.finish = [error](Napi::Object object) { setError(object, *error); };
  task.compute = [=](const Execution& execution) {
    return pare::quantizationError(execution, x.as<const UnalignedFloat>(), in.q.data, in.layout, in.type,
                                   *in.parameters, error.get());
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("quantize", Napi::Function::New(env, quantize));
  exports.Set("dequantize", Napi::Function::New(env, dequantize));
  exports.Set("quantizationError", Napi::Function::New(env, quantizationError));
});

}  // namespace
}  // namespace pare::binding
