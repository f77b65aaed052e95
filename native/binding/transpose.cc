// transpose(bytes, elementSize, rows, columns, out, call).
#include "engine/transpose.h"

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

Napi::Value transpose(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes in = task.pin(readBytes(info[0], "bytes"));
  const size_t elementSize = readCount(info[1], "elementSize");
  const size_t rows = readCount(info[2], "rows"), columns = readCount(info[3], "columns");
  if (elementSize != 1 && elementSize != 2 && elementSize != 4 && elementSize != 8)
    fail(env, "PARE_OPTION", "elementSize must be 1, 2, 4 or 8; got " + std::to_string(elementSize));
  size_t byteLength = 0;
  if (__builtin_mul_overflow(rows, columns, &byteLength) ||
      __builtin_mul_overflow(byteLength, elementSize, &byteLength) || byteLength != in.byteLength)
    fail(env, "PARE_SHAPE",
         "bytes has " + std::to_string(in.byteLength) + " bytes; it must hold " + std::to_string(rows) + " × " +
             std::to_string(columns) + " elements of " + std::to_string(elementSize));
  const Output out = prepareOutput(env, info[4], byteLength);
  if (byteLength && in.data < out.data + byteLength && out.data < in.data + byteLength)
    fail(env, "PARE_OPTION", "out must not overlap the matrix: transposing in place is not supported");
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    return pare::transpose(execution, in.data, out.data, elementSize, rows, columns);
  };
  return run(std::move(task), CallOptions::read(info[5]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("transpose", Napi::Function::New(env, transpose));
});

}  // namespace
}  // namespace pare::binding
