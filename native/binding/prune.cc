// magnitudeThreshold(xs, k, call), pruneMagnitude(xs, { count | threshold, scores, mask }, outs, masks, call),
// pruneNM(x, { n, m, outer, axis, inner, mask }, out, mask, call), countZeros(xs, call) and
// randomScores(seed, stream, count, out, call).
#include "engine/prune.h"

#include <bit>
#include <cmath>
#include <memory>

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

std::vector<FloatSpan> readArrays(Task& task, Napi::Value value, const char* name) {
  if (!value.IsArray()) fail(value.Env(), "PARE_TYPE", std::string(name) + " must be an array of Float32Arrays");
  const auto list = value.As<Napi::Array>();
  std::vector<FloatSpan> arrays;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const std::string item = std::string(name) + "[" + std::to_string(i) + "]";
    const Bytes bytes = task.pin(readFloats(list.Get(i), item.c_str()));
    arrays.push_back({bytes.as<const UnalignedFloat>(), bytes.byteLength / 4});
  }
  return arrays;
}

uint64_t totalOf(const std::vector<FloatSpan>& arrays) {
  uint64_t total = 0;
  for (const FloatSpan& array : arrays) total += array.count;
  return total;
}

Napi::Value magnitudeThreshold(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const std::vector<FloatSpan> arrays = readArrays(task, info[0], "xs");
  const size_t k = readCount(info[1], "k"), total = totalOf(arrays);
  if (k < 1 || k > total)
    fail(env, "PARE_OPTION",
         "k must be from 1 to " + std::to_string(total) + ", the number of elements; got " + std::to_string(k));
  auto selection = std::make_shared<Selection>();
  task.result = [selection](Napi::Env where) -> Napi::Value {
    return Napi::Number::New(where, std::bit_cast<float>(selection->pattern));
  };
  task.compute = [=](const Execution& execution) { return selectMagnitude(execution, arrays, k, selection.get()); };
  return run(std::move(task), CallOptions::read(info[2]));
}

Napi::Value itemOf(Napi::Value list, uint32_t index) {
  return isMissing(list) ? list.Env().Undefined() : list.As<Napi::Array>().Get(index);
}

Napi::Value pruneMagnitude(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const std::vector<FloatSpan> arrays = readArrays(task, info[0], "xs");
  if (!info[1].IsObject()) fail(env, "PARE_OPTION", "options must be { count } or { threshold }");
  const auto options = info[1].As<Napi::Object>();
  const bool byCount = !isMissing(options.Get("count"));
  const uint64_t k = byCount ? readCount(options.Get("count"), "count") : 0;
  const double threshold = byCount ? 0 : readNumber(options.Get("threshold"), "threshold");
  if (byCount && k > totalOf(arrays))
    fail(env, "PARE_OPTION",
         "count must be at most " + std::to_string(totalOf(arrays)) + ", the number of elements; got " +
             std::to_string(k));
  if (!byCount && !(threshold >= 0)) fail(env, "PARE_OPTION", "threshold must be at least 0");
  const bool hasScores = !isMissing(options.Get("scores"));
  const std::vector<FloatSpan> scores = hasScores ? readArrays(task, options.Get("scores"), "scores") : arrays;
  for (size_t i = 0; i < arrays.size(); i++)
    if (scores.size() != arrays.size() || scores[i].count != arrays[i].count)
      fail(env, "PARE_SHAPE", "scores must be as many as xs, with as many elements each");
  const bool wantsMask = isMissing(options.Get("mask")) || options.Get("mask").ToBoolean();
  for (size_t argument : {2, 3})
    if (!isMissing(info[argument]) && !info[argument].IsArray())
      fail(env, "PARE_TYPE", "outs and masks must be arrays of typed arrays");

  auto targets = std::make_shared<std::vector<PruneTarget>>(arrays.size());
  Napi::Array data = Napi::Array::New(env, arrays.size()), masks = Napi::Array::New(env, wantsMask ? arrays.size() : 0);
  for (uint32_t i = 0; i < arrays.size(); i++) {
    const Output out = prepareOutput(env, itemOf(info[2], i), arrays[i].count * 4);
    (*targets)[i].out = reinterpret_cast<UnalignedFloat*>(out.data);
    data.Set(i, out.value);
    if (!wantsMask) continue;
    const Output mask = prepareOutput(env, itemOf(info[3], i), arrays[i].count, "mask");
    (*targets)[i].mask = mask.data;
    masks.Set(i, mask.value);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data);
  if (wantsMask) result.Set("masks", masks);
  task.value = result;
  task.finish = [targets](Napi::Object object) {
    Napi::Array zeros = Napi::Array::New(object.Env(), targets->size());
    for (uint32_t i = 0; i < targets->size(); i++)
      zeros.Set(i, Napi::Number::New(object.Env(), static_cast<double>((*targets)[i].zeros)));
    object.Set("zeros", zeros);
  };
  task.compute = [=](const Execution& execution) {
    return byCount ? pruneSmallest(execution, arrays, scores, k, *targets)
                   : pruneBelow(execution, arrays, scores, static_cast<float>(threshold), *targets);
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

Napi::Value pruneNM(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Task task(info);
  const Bytes in = task.pin(readFloats(info[0], "x"));
  if (!info[1].IsObject()) fail(env, "PARE_OPTION", "options must be { n, m, outer, axis, inner }");
  const auto options = info[1].As<Napi::Object>();
  const size_t n = readCount(options.Get("n"), "n"), m = readCount(options.Get("m"), "m");
  const size_t outer = readCount(options.Get("outer"), "outer"), axis = readCount(options.Get("axis"), "axis"),
               inner = readCount(options.Get("inner"), "inner");
  if (m < 1 || m > PruneKernels::largestGroup || n > m)
    fail(env, "PARE_OPTION",
         "n of every m needs m from 1 to " + std::to_string(PruneKernels::largestGroup) +
             " and n up to m; got n = " + std::to_string(n) + ", m = " + std::to_string(m));
  size_t count = 0;
  if (__builtin_mul_overflow(outer, axis, &count) || __builtin_mul_overflow(count, inner, &count) ||
      count != in.byteLength / 4)
    fail(env, "PARE_SHAPE",
         "x has " + std::to_string(in.byteLength / 4) + " elements; outer × axis × inner is " + std::to_string(outer) +
             " × " + std::to_string(axis) + " × " + std::to_string(inner));
  const bool wantsMask = isMissing(options.Get("mask")) || options.Get("mask").ToBoolean();
  const Output out = prepareOutput(env, info[2], in.byteLength);
  const Output mask = wantsMask ? prepareOutput(env, info[3], count, "mask") : Output{};
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", out.value);
  if (wantsMask) result.Set("mask", mask.value);
  task.value = result;
  task.compute = [=](const Execution& execution) {
    return pare::pruneNM(execution, in.as<const UnalignedFloat>(), outer, axis, inner, n, m,
                         reinterpret_cast<UnalignedFloat*>(out.data), mask.data);
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

Napi::Value countZeros(const Napi::CallbackInfo& info) {
  Task task(info);
  const std::vector<FloatSpan> arrays = readArrays(task, info[0], "xs");
  auto counts = std::make_shared<std::vector<uint64_t>>();
  task.result = [counts](Napi::Env env) -> Napi::Value {
    Napi::Array result = Napi::Array::New(env, counts->size());
    for (uint32_t i = 0; i < counts->size(); i++)
      result.Set(i, Napi::Number::New(env, static_cast<double>((*counts)[i])));
    return result;
  };
  task.compute = [=](const Execution& execution) { return pare::countZeros(execution, arrays, counts.get()); };
  return run(std::move(task), CallOptions::read(info[1]));
}

Napi::Value randomScores(const Napi::CallbackInfo& info) {
  Task task(info);
  const size_t seed = readCount(info[0], "seed"), stream = readCount(info[1], "stream");
  const size_t count = readCount(info[2], "count");
  if (count > size_t{1} << 44) fail(info.Env(), "PARE_MEMORY", "no memory for " + std::to_string(count) + " scores");
  const Output out = prepareOutput(info.Env(), info[3], count * 4);
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    return pare::randomScores(execution, seed, stream, reinterpret_cast<UnalignedFloat*>(out.data), count);
  };
  return run(std::move(task), CallOptions::read(info[4]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("magnitudeThreshold", Napi::Function::New(env, magnitudeThreshold));
  exports.Set("pruneMagnitude", Napi::Function::New(env, pruneMagnitude));
  exports.Set("pruneNM", Napi::Function::New(env, pruneNM));
  exports.Set("countZeros", Napi::Function::New(env, countZeros));
  exports.Set("randomScores", Napi::Function::New(env, randomScores));
});

}  // namespace
}  // namespace pare::binding
