// toHalf(format, x, out, call) and fromHalf(format, h, out, call); format is "float16" or "bfloat16".
#include "engine/float16.h"

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

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("toHalf", Napi::Function::New(env, toHalf));
  exports.Set("fromHalf", Napi::Function::New(env, fromHalf));
});

}  // namespace
}  // namespace pare::binding
