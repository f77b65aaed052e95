// copy(bytes, out, call): a plain memory copy over the pool, the floor that benches hold every transform against.
#include <cstring>

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

Napi::Value copy(const Napi::CallbackInfo& info) {
  Task task(info);
  const Bytes in = task.pin(readBytes(info[0], "bytes"));
  const Output out = prepareOutput(info.Env(), info[1], in.byteLength);
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    constexpr size_t grain = size_t{1} << 19;
    execution.forEachChunk(in.byteLength, grain, [&](size_t begin, size_t end) {
      std::memmove(out.data + begin, in.data + begin, end - begin);
    });
    return execution.outcome();
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("copy", Napi::Function::New(env, copy));
});

}  // namespace
}  // namespace pare::binding
