// toHalf(format, x, out, call) and fromHalf(format, h, out, call), format being "float16" or "bfloat16", and
// clampForFloat16(x, { smallest, largest }, out, call); toHalfMeasured(format, x, bounds?, out, call) is both in one
// pass.
#include "engine/float16.h"

#include <memory>

#include "binding/error-object.h"
#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

HalfFormat readFormat(Napi::Value value) {
  const std::string name = readString(value, "format");
  if (name == "float16") return HalfFormat::float16;
  if (name == "bfloat16") return HalfFormat::bfloat16;
  fail(value.Env(), "PARE_OPTION", "format must be float16 or bfloat16; got " + name);
}

Napi::Value toHalf(const Napi::CallbackInfo& info) {
  Task task(info);
  const HalfFormat format = readFormat(info[0]);
  const Bytes in = task.pin(readFloats(info[1], "x"));
  const size_t count = in.byteLength / 4;
  const Output out = prepareOutput(info.Env(), info[2], count * 2);
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    pare::toHalf(execution, format, in.as<const UnalignedFloat>(), reinterpret_cast<UnalignedUint16*>(out.data), count);
    return execution.outcome();
  };
  return run(std::move(task), CallOptions::read(info[3]));
}

Napi::Value fromHalf(const Napi::CallbackInfo& info) {
  Task task(info);
  const HalfFormat format = readFormat(info[0]);
  const Bytes in = task.pin(readBytes(info[1], "h"));
  if (in.byteLength % 2) fail(info.Env(), "PARE_TYPE", "h must hold 16-bit values: its byte length is odd");
  const size_t count = in.byteLength / 2;
  const Output out = prepareOutput(info.Env(), info[2], count * 4);
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    pare::fromHalf(execution, format, in.as<const UnalignedUint16>(), reinterpret_cast<UnalignedFloat*>(out.data),
                   count);
    return execution.outcome();
  };
  return run(std::move(task), CallOptions::read(info[3]));
}

HalfBounds readBounds(Napi::Object options) {
  const HalfBounds bounds{static_cast<float>(readNumber(options.Get("smallest"), "smallest")),
                          static_cast<float>(readNumber(options.Get("largest"), "largest"))};
  if (!(bounds.smallest >= 0 && bounds.smallest <= bounds.largest))
    fail(options.Env(), "PARE_OPTION", "smallest must be at least 0 and at most largest");
  return bounds;
}

Napi::Value toHalfMeasured(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const HalfFormat format = readFormat(info[0]);
  const Bytes in = task.pin(readFloats(info[1], "x"));
  const bool bounded = info[2].IsObject();
  const HalfBounds bounds = bounded ? readBounds(info[2].As<Napi::Object>()) : HalfBounds{};
  const size_t count = in.byteLength / 4;
  const Output out = prepareOutput(env, info[3], count * 2);
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", out.value);
  task.value = result;
  auto findings = std::make_shared<HalfFindings>();
  task.finish = [findings](Napi::Object object) {
    object.Set("raised", static_cast<double>(findings->raised));
    object.Set("lowered", static_cast<double>(findings->lowered));
    object.Set("error", objectOf(object.Env(), findings->error));
  };
  task.compute = [=](const Execution& execution) {
    return pare::toHalfMeasured(execution, format, in.as<const UnalignedFloat>(),
                                reinterpret_cast<UnalignedUint16*>(out.data), count, bounded ? &bounds : nullptr,
                                findings.get());
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

Napi::Value clampForFloat16(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes in = task.pin(readFloats(info[0], "x"));
  if (!info[1].IsObject()) fail(env, "PARE_OPTION", "the bounds must be { smallest, largest }");
  const HalfBounds bounds = readBounds(info[1].As<Napi::Object>());
  const Output out = prepareOutput(env, info[2], in.byteLength);
  auto moved = std::make_shared<uint64_t>(0);
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", out.value);
  task.value = result;
  task.finish = [moved](Napi::Object object) { object.Set("clampedCount", static_cast<double>(*moved)); };
  task.compute = [=](const Execution& execution) {
    *moved =
        pare::clampForFloat16(execution, in.as<const UnalignedFloat>(), reinterpret_cast<UnalignedFloat*>(out.data),
                              in.byteLength / 4, bounds.smallest, bounds.largest);
    return execution.outcome();
  };
  return run(std::move(task), CallOptions::read(info[3]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("toHalf", Napi::Function::New(env, toHalf));
  exports.Set("fromHalf", Napi::Function::New(env, fromHalf));
  exports.Set("toHalfMeasured", Napi::Function::New(env, toHalfMeasured));
  exports.Set("clampForFloat16", Napi::Function::New(env, clampForFloat16));
});

}  // namespace
}  // namespace pare::binding
