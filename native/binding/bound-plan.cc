// bindPlan(plan, header) → { run, memory, inputs, outputs }: a plan tied to one buffer for feeds and results of one set
// of shapes, so that a run of microseconds is one call without arguments; run(true) gives the memory back. Undefined
// where the run is too large for that, or only a run tells its results' dimensions.
#include "binding/arguments.h"
#include "binding/plan.h"
#include "engine/frame.h"

namespace pare::binding {
namespace {

// More than this is copied faster than a call is made anyway.
constexpr size_t mostBytes = size_t{1} << 16;

struct BoundPlan {
  std::shared_ptr<Plan> plan;
  std::vector<Napi::ObjectReference> kept;  // the weights, and the buffer
  std::vector<TensorView> feeds, given;
  std::vector<Result> results;
  std::unique_ptr<Frame> frame;
  Execution execution;
};

Napi::Value runBound(const Napi::CallbackInfo& info) {
  auto& bound = *static_cast<BoundPlan*>(info.Data());
  if (info.Length() > 0) {
    // The end: memory goes back now, not when the function is collected.
    bound.frame.reset();
    bound.plan.reset();
    bound.kept.clear();
  }
  if (!bound.frame) return info.Env().Undefined();
  check(info.Env(), bound.frame->execute(bound.execution, bound.results));
  return info.Env().Undefined();
}

// Gives feeds and results their places in a new buffer; false where they are too large, or not known.
bool placeAll(BoundPlan& bound, Napi::Object result) {
  const Napi::Env env = result.Env();
  size_t end = 0;
  const auto place = [&end](const TensorView& view) {
    const size_t offset = end;
    end += std::max<size_t>((view.byteLength() + 63) / 64 * 64, 64);
    return offset;
  };
  std::vector<size_t> inputOffsets, outputOffsets;
  for (const TensorView& feed : bound.feeds) {
    if (feed.dtype == DataType::undefined || feed.byteLength() > mostBytes) return false;
    inputOffsets.push_back(place(feed));
  }
  const Layout& layout = bound.frame->layout();
  Napi::Array inputs = Napi::Array::New(env), outputs = Napi::Array::New(env);
  for (const ValueId id : bound.plan->main().outputs) {
    if (id < 0 || layout.isDynamic) return false;
    const TensorType& type = layout.types[static_cast<size_t>(id)];
    TensorView view{type.dtype, {}, nullptr};
    Napi::Array dims = Napi::Array::New(env);
    for (const Dim dim : type.dims) {
      if (!dim.isNumber()) return false;
      dims.Set(static_cast<uint32_t>(view.dims.size()), static_cast<double>(dim.number));
      view.dims.push_back(dim.number);
    }
    if (view.byteLength() > mostBytes) return false;
    Napi::Object one = Napi::Object::New(env);
    one.Set("dtype", static_cast<double>(view.dtype));
    one.Set("dims", dims);
    outputOffsets.push_back(place(view));
    one.Set("offset", static_cast<double>(outputOffsets.back()));
    outputs.Set(outputs.Length(), one);
    bound.given.push_back(std::move(view));
  }
  if (end > mostBytes) return false;
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, std::max<size_t>(end, 64));
  auto* base = static_cast<uint8_t*>(memory.Data());
  for (uint32_t i = 0; i < inputOffsets.size(); i++) {
    bound.feeds[i].data = base + inputOffsets[i];
    inputs.Set(i, static_cast<double>(inputOffsets[i]));
  }
  bound.results.resize(bound.given.size());
  for (size_t i = 0; i < bound.given.size(); i++) {
    bound.given[i].data = base + outputOffsets[i];
    bound.results[i].given = &bound.given[i];
  }
  result.Set("memory", memory);
  result.Set("inputs", inputs);
  result.Set("outputs", outputs);
  return true;
}

Napi::Value bindPlan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PlanHolder& holder = livePlanHolder(info[0]);
  auto bound = std::make_unique<BoundPlan>();
  bound->plan = holder.plan;
  if (!info[2].IsUndefined()) bound->execution.threads = static_cast<unsigned>(readCount(info[2], "threads"));
  std::vector<const TensorView*> fed;
  FeedReader(info[1], *holder.plan).readAll(bound->feeds, fed);
  if (!holder.plan->frameFor(fed, bound->frame).ok()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  if (!placeAll(*bound, result)) {
    holder.plan->keepFrame(std::move(bound->frame));
    return env.Undefined();
  }

  check(env, bound->frame->bind(fed, bound->results));
  if (!holder.bytes.IsEmpty()) bound->kept.push_back(Napi::Persistent(holder.bytes.Value()));
  bound->kept.push_back(Napi::Persistent(result.Get("memory").As<Napi::Object>()));

  Napi::Function run = Napi::Function::New<runBound>(env, "run", bound.get());
  run.AddFinalizer([](Napi::Env, BoundPlan* dead) { delete dead; }, bound.get());
  static_cast<void>(bound.release());
  result.Set("run", run);
  return result;
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("bindPlan", Napi::Function::New(env, bindPlan));
});

}  // namespace
}  // namespace pare::binding
