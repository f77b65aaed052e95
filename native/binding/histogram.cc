// extent(x, call): the smallest and the largest finite value; histogram(x, edges, call): how many values each bin
// holds.
#include "engine/histogram.h"

#include <cmath>
#include <cstring>
#include <memory>

#include "binding/module.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

Napi::Value extent(const Napi::CallbackInfo& info) {
  Task task(info);
  const Bytes x = task.pin(readFloats(info[0], "x"));
  auto found = std::make_shared<Extent>();
  task.value = Napi::Object::New(info.Env());
  task.finish = [found](Napi::Object object) {
    object.Set("low", double{found->low});
    object.Set("high", double{found->high});
    object.Set("nanCount", static_cast<double>(found->nanCount));
    object.Set("infiniteCount", static_cast<double>(found->infiniteCount));
  };
  task.compute = [=](const Execution& execution) {
    return findExtent(execution, x.as<const UnalignedFloat>(), x.byteLength / 4, found.get());
  };
  return run(std::move(task), CallOptions::read(info[1]));
}

// The edges, finite and in order.
std::vector<float> readEdges(Napi::Value value) {
  const Bytes bytes = readFloats(value, "edges");
  std::vector<float> edges(bytes.byteLength / 4);
  constexpr size_t mostEdges = size_t{1} << 24;
  if (edges.size() < 2 || edges.size() > mostEdges)
    fail(value.Env(), "PARE_SHAPE", "edges must be 2 to 2^24 numbers; got " + std::to_string(edges.size()));
  std::memcpy(edges.data(), bytes.data, bytes.byteLength);
  for (size_t i = 0; i < edges.size(); i++)
    if (!std::isfinite(edges[i]) || (i > 0 && edges[i] < edges[i - 1]))
      fail(value.Env(), "PARE_OPTION", "edges must be finite and ascend; edges[" + std::to_string(i) + "] does not");
  return edges;
}

Napi::Value histogram(const Napi::CallbackInfo& info) {
  Task task(info);
  const Bytes x = task.pin(readFloats(info[0], "x"));
  auto edges = std::make_shared<std::vector<float>>(readEdges(info[1]));
  // As float64, which holds any count that memory holds.
  const Output out = prepareOutput(info.Env(), info.Env().Undefined(), (edges->size() - 1) * sizeof(double));
  task.value = out.value;
  task.compute = [=](const Execution& execution) {
    std::vector<uint64_t> counts;
    Status status = countBins(execution, x.as<const UnalignedFloat>(), x.byteLength / 4, *edges, counts);
    const std::vector<double> wide(counts.begin(), counts.end());
    std::memcpy(out.data, wide.data(), wide.size() * sizeof(double));
    return status;
  };
  return run(std::move(task), CallOptions::read(info[2]));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("extent", Napi::Function::New(env, extent));
  exports.Set("histogram", Napi::Function::New(env, histogram));
});

}  // namespace
}  // namespace pare::binding
