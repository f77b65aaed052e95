// matmul, matmulInteger and pack, as lib/binding-types.ts declares them.
#include "engine/matmul.h"

#include <array>

#include "binding/module.h"
#include "binding/task.h"
#include "engine/matmul-integer.h"

namespace pare::binding {
namespace {

// Fails unless `bytes` hold rows × columns elements of `size` bytes.
void requireMatrix(Napi::Env env, const Bytes& bytes, const char* name, size_t rows, size_t columns, size_t size) {
  size_t needed = 0;
  if (!__builtin_mul_overflow(rows, columns, &needed) && needed <= (size_t{1} << 53) &&
      needed * size == bytes.byteLength)
    return;
  fail(env, "PARE_SHAPE",
       std::string(name) + " has " + std::to_string(bytes.byteLength / size) + " elements; [" + std::to_string(rows) +
           ", " + std::to_string(columns) + "] needs " +
           (needed ? std::to_string(needed) : "more than a buffer can hold"));
}

size_t resultByteLength(Napi::Env env, size_t m, size_t n) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(m, n, &bytes) || bytes > (size_t{1} << 46))
    fail(env, "PARE_SHAPE", "a result of [" + std::to_string(m) + ", " + std::to_string(n) + "] is too large");
  return bytes * 4;
}

bool readFlag(Napi::Value value) { return value.ToBoolean(); }

bool isSignedBytes(const Bytes& bytes, const char* name, Napi::Env env) {
  if (bytes.type == napi_int8_array) return true;
  if (bytes.type != napi_uint8_array) fail(env, "PARE_TYPE", std::string(name) + " must be an Int8Array or Uint8Array");
  return false;
}

// The kernels that a packed matrix was packed for; fails unless its bytes fit them.
const KernelTable& readPacked(Napi::Env env, const Bytes& packed, const std::string& level, size_t k, size_t n,
                              bool integer) {
  const KernelTable* table = findKernels(level);
  if (!table) fail(env, "PARE_UNSUPPORTED", "b is packed for " + level + ", which this machine does not have");
  const size_t needed = integer ? packedIntegerByteLength(*table, k, n) : packedByteLength(*table, k, n);
  if (packed.byteLength != needed || (needed == 0 && k > 0 && n > 0))
    fail(env, "PARE_SHAPE",
         "b's packed data has " + std::to_string(packed.byteLength) + " bytes; [" + std::to_string(k) + ", " +
             std::to_string(n) + "] packed for " + level + " has " + std::to_string(needed));
  return *table;
}

// The result is written while the operands are still read.
void refuseOverlap(Napi::Env env, const Bytes& bytes, const char* name, const Output& out, size_t outByteLength) {
  const auto from = reinterpret_cast<uintptr_t>(bytes.data), to = reinterpret_cast<uintptr_t>(out.data);
  if (from < to + outByteLength && to < from + bytes.byteLength)
    fail(env, "PARE_OPTION", std::string("out shares memory with ") + name + "; it must lie elsewhere");
}

Execution with(const Execution& execution, const KernelTable* table) {
  return {
      .kernels = table ? *table : execution.kernels, .threads = execution.threads, .cancelled = execution.cancelled};
}

Napi::Value matmul(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  MatmulArguments arguments{.m = readCount(info[2], "m"),
                            .n = readCount(info[3], "n"),
                            .k = readCount(info[4], "k"),
                            .transposeA = readFlag(info[5]),
                            .transposeB = readFlag(info[6])};
  const auto [m, n, k] = std::array{arguments.m, arguments.n, arguments.k};
  const Bytes a = task.pin(readFloats(info[0], "a"));
  requireMatrix(env, a, "a", arguments.transposeA ? k : m, arguments.transposeA ? m : k, sizeof(float));
  arguments.a = a.as<const UnalignedFloat>();
  const KernelTable* table = nullptr;
  const bool packed = !isMissing(info[7]);
  const Bytes b = task.pin(packed ? readBytes(info[1], "b") : readFloats(info[1], "b"));
  if (!packed) {
    requireMatrix(env, b, "b", arguments.transposeB ? n : k, arguments.transposeB ? k : n, sizeof(float));
    arguments.b = b.as<const UnalignedFloat>();
  } else {
    table = &readPacked(env, b, readString(info[7], "level"), k, n, false);
    arguments.packedB = b.as<const uint32_t>();
  }
  const Output out = prepareOutput(env, info[8], resultByteLength(env, m, n));
  refuseOverlap(env, a, "a", out, m * n * 4);
  refuseOverlap(env, b, "b", out, m * n * 4);
  arguments.c = reinterpret_cast<UnalignedFloat*>(out.data);
  task.value = out.value;
  task.compute = [=](const Execution& execution) { return pare::matmul(with(execution, table), arguments); };
  return run(std::move(task), CallOptions::read(info[9]));
}

// Zero points of one side: none, one, or `count`.
Bytes readZeroPoints(Napi::Value value, const char* name, bool isSigned, size_t count) {
  if (isMissing(value)) return {};
  const Napi::Env env = value.Env();
  const Bytes bytes = readBytes(value, name);
  if (isSignedBytes(bytes, name, env) != isSigned)
    fail(env, "PARE_TYPE", std::string(name) + " must have the type of the matrix it belongs to");
  if (bytes.byteLength != 1 && bytes.byteLength != count)
    fail(env, "PARE_SHAPE",
         std::string(name) + " has " + std::to_string(bytes.byteLength) + " values; 1 or " + std::to_string(count) +
             " would fit");
  return bytes;
}

Napi::Value matmulInteger(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  MatmulIntegerArguments arguments{
      .m = readCount(info[2], "m"), .n = readCount(info[3], "n"), .k = readCount(info[4], "k")};
  const auto [m, n, k] = std::array{arguments.m, arguments.n, arguments.k};
  const Bytes a = task.pin(readBytes(info[0], "a"));
  arguments.aSigned = isSignedBytes(a, "a", env);
  requireMatrix(env, a, "a", m, k, 1);
  arguments.a = a.data;
  const Bytes b = task.pin(readBytes(info[1], "b"));
  const KernelTable* table = nullptr;
  if (isMissing(info[7])) {
    arguments.bSigned = isSignedBytes(b, "b", env);
    requireMatrix(env, b, "b", k, n, 1);
    arguments.b = b.data;
  } else {
    arguments.bSigned = readFlag(info[8]);
    table = &readPacked(env, b, readString(info[7], "level"), k, n, true);
    arguments.packedB = b.as<const uint32_t>();
  }
  const Bytes aZero = readZeroPoints(info[5], "aZeroPoint", arguments.aSigned, m);
  const Bytes bZero = readZeroPoints(info[6], "bZeroPoint", arguments.bSigned, n);
  if (aZero.data) task.pin(aZero);
  if (bZero.data) task.pin(bZero);
  arguments.aZero = aZero.data;
  arguments.aZeroCount = aZero.byteLength;
  arguments.bZero = bZero.data;
  arguments.bZeroCount = bZero.byteLength;
  const Output out = prepareOutput(env, info[9], resultByteLength(env, m, n));
  refuseOverlap(env, a, "a", out, m * n * 4);
  refuseOverlap(env, b, "b", out, m * n * 4);
  arguments.c = reinterpret_cast<UnalignedInt32*>(out.data);
  task.value = out.value;
  task.compute = [=](const Execution& execution) { return pare::matmulInteger(with(execution, table), arguments); };
  return run(std::move(task), CallOptions::read(info[10]));
}

// pack(b, k, n, transposed, call) → { data, level }; b is float32, or bytes of either sign.
Napi::Value pack(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes b = task.pin(readBytes(info[0], "b"));
  const size_t k = readCount(info[1], "k"), n = readCount(info[2], "n");
  const bool transposed = readFlag(info[3]);
  const bool isFloat = b.type == napi_float32_array;
  const bool isSigned = !isFloat && isSignedBytes(b, "b", env);
  requireMatrix(env, b, "b", transposed ? n : k, transposed ? k : n, isFloat ? sizeof(float) : 1);
  const KernelTable& table = kernels();
  const size_t byteLength = isFloat ? packedByteLength(table, k, n) : packedIntegerByteLength(table, k, n);
  if (byteLength == 0 && k > 0 && n > 0) fail(env, "PARE_SHAPE", "b is too large to be packed");
  // Aligned to cache lines, which V8's own small buffers are not: vectors across two lines cost a sixth of the speed.
  std::unique_ptr<Blob> blob = Blob::allocate(byteLength);
  if (!blob) fail(env, "PARE_MEMORY", "no memory for " + std::to_string(byteLength) + " bytes of packed data");
  Napi::ArrayBuffer data = adoptBlob(env, std::move(blob));
  auto* to = static_cast<uint32_t*>(data.Data());
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data);
  result.Set("level", table.level);
  task.value = result;
  task.compute = [=, &table](const Execution& execution) {
    const Execution packing = with(execution, &table);
    if (isFloat)
      packMatrix(packing, b.as<const UnalignedFloat>(), k, n, transposed, to);
    else
      packIntegerMatrix(packing, b.data, k, n, isSigned, transposed, to);
    return packing.outcome();
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("matmul", Napi::Function::New(env, matmul));
  exports.Set("matmulInteger", Napi::Function::New(env, matmulInteger));
  exports.Set("pack", Napi::Function::New(env, pack));
});

}  // namespace
}  // namespace pare::binding
