// compare(a, b, call): how far two arrays of floats are apart.
#include "engine/compare.h"

#include <memory>

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

Napi::Value compare(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes a = task.pin(readFloats(info[0], "a")), b = task.pin(readFloats(info[1], "b"));
  if (a.byteLength != b.byteLength)
    fail(env, "PARE_SHAPE",
         "a has " + std::to_string(a.byteLength / 4) + " elements, b " + std::to_string(b.byteLength / 4));
  auto sums = std::make_shared<Comparison>();
  task.value = Napi::Object::New(env);
  task.finish = [sums](Napi::Object object) {
    object.Set("count", static_cast<double>(sums->count));
    object.Set("maxError", sums->maxError);
    object.Set("sumError", sums->sumError);
    object.Set("sumSquareA", sums->sumSquareA);
    object.Set("sumSquareB", sums->sumSquareB);
    object.Set("sumSquareError", sums->sumSquareError);
    object.Set("dot", sums->dot);
    object.Set("nanCount", static_cast<double>(sums->nanCount));
  };
  task.compute = [=](const Execution& execution) {
    return pare::compare(execution, a.as<const UnalignedFloat>(), b.as<const UnalignedFloat>(), a.byteLength / 4,
                         sums.get());
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("compare", Napi::Function::New(env, compare));
});

}  // namespace
}  // namespace pare::binding
