// createPlan(words, strings, bytes, options) → plan; runPlan(plan, header, feeds, outs, call) → results;
// releasePlan(plan); trimPlan(plan); profilePlan(plan, isOn); planStats(plan) → { arenaBytes, runs, nanoseconds }.
#include "binding/plan.h"

#include <unistd.h>

#include <cstring>
#include <memory>

#include "binding/description.h"
#include "binding/lent-blobs.h"
#include "binding/task.h"

namespace pare::binding {
namespace {

constexpr napi_type_tag tag = {0x70617265'706c616eULL, 0x1};

size_t physicalMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES), pageSize = sysconf(_SC_PAGESIZE);
  return pages > 0 && pageSize > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(pageSize) : SIZE_MAX;
}

std::vector<ValueId> readIds(Napi::Value value, size_t valueCount) {
  std::vector<ValueId> ids;
  if (isMissing(value)) return ids;
  const Bytes bytes = readBytes(value, "variables");
  for (size_t i = 0; i < bytes.byteLength / 4; i++) {
    const ValueId id = bytes.as<const int32_t>()[i];
    if (id < 0 || static_cast<size_t>(id) >= valueCount) fail(value.Env(), "PARE_OPTION", "no value has this number");
    ids.push_back(id);
  }
  return ids;
}

// options: { threads?, memoryLimit? (bytes; default: three quarters of the memory), variables? (ids), updates? (output
// id, variable id, …) }
Napi::Value createPlan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto graph = std::make_unique<Graph>();
  const bool changes = info[3].IsObject() && !isMissing(info[3].As<Napi::Object>().Get("variables"));
  std::vector<std::shared_ptr<const Blob>> kept;
  readDescription(info, *graph, changes ? nullptr : &kept);
  PlanOptions options{.variables = {}, .updates = {}, .kept = std::move(kept), .memoryLimit = physicalMemory() / 4 * 3};
  if (info[3].IsObject()) {
    const auto given = info[3].As<Napi::Object>();
    if (const Napi::Value threads = given.Get("threads"); !isMissing(threads))
      options.threads = static_cast<unsigned>(readCount(threads, "threads"));
    if (const Napi::Value limit = given.Get("memoryLimit"); !isMissing(limit))
      options.memoryLimit = readCount(limit, "memoryLimit");
    options.variables = readIds(given.Get("variables"), graph->values.size());
    const std::vector<ValueId> updates = readIds(given.Get("updates"), graph->values.size());
    for (size_t i = 0; i + 1 < updates.size(); i += 2) options.updates.push_back({updates[i], updates[i + 1]});
  }
  std::unique_ptr<Plan> plan;
  check(env, Plan::create(std::move(graph), std::move(options), plan));
  auto holder = std::make_unique<PlanHolder>();
  holder->plan = std::move(plan);
  if (changes) holder->bytes = Napi::Persistent(info[2].As<Napi::Object>());
  return wrapPlan(env, std::move(holder));
}

Napi::Value releasePlan(const Napi::CallbackInfo& info) {
  PlanHolder& holder = planHolder(info[0]);
  holder.plan.reset();
  holder.bytes.Reset();
  holder.buffers.clear();
  return info.Env().Undefined();
}

Napi::Value trimPlan(const Napi::CallbackInfo& info) {
  PlanHolder& holder = planHolder(info[0]);
  if (holder.plan) holder.plan->trim();
  holder.buffers.clear();
  return info.Env().Undefined();
}

// Begins to count each node's time, from zero, or ends that.
Napi::Value profilePlan(const Napi::CallbackInfo& info) {
  Profile& profile = livePlanHolder(info[0]).plan->profile();
  if (info[1].ToBoolean())
    profile.start();
  else
    profile.stop();
  return info.Env().Undefined();
}

// The profile's runs, and nanoseconds of each node of the main graph in its order.
Napi::Value planStats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Plan& plan = *livePlanHolder(info[0]).plan;
  const auto& nanoseconds = plan.profile().nanoseconds();
  Napi::Float64Array times = Napi::Float64Array::New(env, nanoseconds.size());
  for (size_t i = 0; i < nanoseconds.size(); i++) times[i] = static_cast<double>(nanoseconds[i]);
  Napi::Object stats = Napi::Object::New(env);
  stats.Set("arenaBytes", static_cast<double>(plan.arenaBytes()));
  stats.Set("runs", static_cast<double>(plan.profile().runs()));
  stats.Set("nanoseconds", times);
  return stats;
}

// Feeds and results of one run; lives as long as the run. While one goes on beside JavaScript, buffers may be
// transferred, shrunk or written to, so it works on memory of ours: that which a buffer of ours lies in, or a copy.
struct Run {
  std::shared_ptr<Plan> plan;
  bool isAsync = false;
  std::vector<TensorView> feeds, given;
  std::vector<const TensorView*> fed;
  std::vector<Result> results;
  std::vector<std::shared_ptr<Blob>> lent;
  std::vector<std::unique_ptr<Blob>> copies;   // of feeds
  std::vector<std::unique_ptr<Blob>> staged;   // of results that go to the caller's buffers; null where none does
  std::vector<Napi::ObjectReference> targets;  // those buffers
};

std::unique_ptr<Blob> takeBuffer(Napi::Env env, PlanHolder& holder, size_t byteLength) {
  std::unique_ptr<Blob> blob = holder.buffers.take(byteLength);
  if (!blob) fail(env, "PARE_MEMORY", "no memory for a copy of " + std::to_string(byteLength) + " bytes");
  return blob;
}

// Whether bytes stay what they are while a run goes on.
bool isSafe(Run& run, const Bytes& bytes) {
  if (!run.isAsync && !bytes.isShared) return true;
  std::shared_ptr<Blob> blob = LentBlobs::find(bytes.data, bytes.byteLength);
  if (!blob) return false;
  run.lent.push_back(std::move(blob));
  return true;
}

void readFeeds(Task& task, Napi::Value header, Napi::Value arrays, PlanHolder& holder, Run& run) {
  const Napi::Env env = task.env;
  if (!arrays.IsArray()) fail(env, "PARE_TYPE", "feeds must be a header and an array");
  const auto list = arrays.As<Napi::Array>();
  FeedReader(header, *run.plan).readAll(run.feeds, run.fed);
  for (size_t i = 0; i < run.fed.size(); i++) {
    if (!run.fed[i]) continue;
    TensorView& feed = run.feeds[i];
    const std::string name(run.plan->graph().values[static_cast<size_t>(run.plan->main().inputs[i])].name);
    const Bytes data = task.pin(readBytes(list.Get(static_cast<uint32_t>(i)), name.c_str()));
    if (feed.byteLength() != data.byteLength)
      fail(env, "PARE_SHAPE",
           "the input \"" + name + "\" has " + std::to_string(data.byteLength) + " bytes; its dimensions take " +
               std::to_string(feed.byteLength()));
    feed.data = data.data;
    if (isSafe(run, data)) continue;
    std::unique_ptr<Blob> copy = takeBuffer(env, holder, data.byteLength);
    if (data.byteLength > 0) std::memcpy(copy->data(), data.data, data.byteLength);
    feed.data = copy->data();
    run.copies.push_back(std::move(copy));
  }
}

void readOuts(Task& task, Napi::Value outs, PlanHolder& holder, Run& run) {
  const size_t count = run.plan->main().outputs.size();
  run.results.resize(count);
  run.given.resize(count);
  run.staged.resize(count);
  run.targets.resize(count);
  if (isMissing(outs)) return;
  const auto list = outs.As<Napi::Array>();
  for (size_t i = 0; i < count; i++) {
    const Napi::Value out = list.Get(static_cast<uint32_t>(i));
    if (isMissing(out)) continue;
    const Bytes bytes = task.pin(readBytes(out, "an output's buffer"));
    run.given[i] = {DataType::uint8, {static_cast<int64_t>(bytes.byteLength)}, bytes.data};
    run.results[i].given = &run.given[i];
    if (isSafe(run, bytes)) continue;
    run.staged[i] = takeBuffer(task.env, holder, bytes.byteLength);
    run.given[i].data = run.staged[i]->data();
    run.targets[i] = Napi::Persistent(out.As<Napi::Object>());
  }
}

// Copies results to the caller's buffers, if they are still there.
void deliver(Run& run) {
  for (size_t i = 0; i < run.staged.size(); i++) {
    if (!run.staged[i]) continue;
    const Bytes bytes = readBytes(run.targets[i].Value(), "an output's buffer");
    if (bytes.byteLength != run.given[i].byteLength())
      fail(bytes.owner.Env(), "PARE_TYPE", "an output's buffer changed its length while the run went on");
    if (bytes.byteLength > 0) std::memcpy(bytes.data, run.staged[i]->data(), bytes.byteLength);
  }
}

// [{ dtype, dims, data: an ArrayBuffer, or undefined where the caller's buffer has it }, …]
Napi::Value makeResults(Napi::Env env, Run& run) {
  Napi::Array list = Napi::Array::New(env, run.results.size());
  for (uint32_t i = 0; i < run.results.size(); i++) {
    Result& result = run.results[i];
    Napi::Object one = Napi::Object::New(env);
    one.Set("dtype", static_cast<double>(result.dtype));
    Napi::Array dims = Napi::Array::New(env, result.dims.size());
    for (uint32_t axis = 0; axis < result.dims.size(); axis++) dims.Set(axis, static_cast<double>(result.dims[axis]));
    one.Set("dims", dims);
    if (result.blob) one.Set("data", adoptBlob(env, std::move(result.blob)));
    list.Set(i, one);
  }
  return list;
}

Napi::Value runPlan(const Napi::CallbackInfo& info) {
  PlanHolder& holder = livePlanHolder(info[0]);
  const CallOptions options = CallOptions::read(info[4]);
  Task task(info);
  auto run = std::make_shared<Run>();
  run->plan = holder.plan;
  run->isAsync = options.async;
  task.pin(info[0]);
  if (!holder.bytes.IsEmpty()) task.pin(holder.bytes.Value());
  readFeeds(task, info[1], info[2], holder, *run);
  readOuts(task, info[3], holder, *run);
  task.compute = [run](const Execution& execution) { return run->plan->run(execution, run->fed, run->results); };
  // The holder is pinned with the plan.
  task.result = [run, &holder](Napi::Env current) {
    deliver(*run);
    for (auto* buffers : {&run->copies, &run->staged})
      for (std::unique_ptr<Blob>& blob : *buffers)
        if (blob && holder.plan) holder.buffers.giveBack(std::move(blob));
    return makeResults(current, *run);
  };
  return binding::run(std::move(task), options);
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("createPlan", Napi::Function::New(env, createPlan));
  exports.Set("releasePlan", Napi::Function::New(env, releasePlan));
  exports.Set("trimPlan", Napi::Function::New(env, trimPlan));
  exports.Set("profilePlan", Napi::Function::New(env, profilePlan));
  exports.Set("planStats", Napi::Function::New(env, planStats));
  exports.Set("runPlan", Napi::Function::New(env, runPlan));
});

}  // namespace

Napi::Value wrapPlan(Napi::Env env, std::unique_ptr<PlanHolder> holder) {
  auto external = Napi::External<PlanHolder>::New(env, holder.get(), [](Napi::Env, PlanHolder* dead) { delete dead; });
  static_cast<void>(holder.release());
  external.TypeTag(&tag);
  return external;
}

PlanHolder& planHolder(Napi::Value value) {
  if (!value.IsExternal() || !value.As<Napi::External<PlanHolder>>().CheckTypeTag(&tag))
    fail(value.Env(), "PARE_TYPE", "this is no plan");
  return *value.As<Napi::External<PlanHolder>>().Data();
}

PlanHolder& livePlanHolder(Napi::Value value) {
  PlanHolder& holder = planHolder(value);
  if (!holder.plan) fail(value.Env(), "PARE_OPTION", "the session is released");
  return holder;
}

FeedReader::FeedReader(Napi::Value header, const Plan& plan) : env_(header.Env()), count_(plan.main().inputs.size()) {
  const Bytes words = readBytes(header, "header");
  if (words.type != napi_float64_array) fail(env_, "PARE_TYPE", "the feeds' header must be a Float64Array");
  at_ = words.as<const double>();
  end_ = at_ + words.byteLength / sizeof(double);
}

double FeedReader::next() {
  if (at_ == end_) fail(env_, "PARE_OPTION", "the feeds' header is too short");
  return *at_++;
}

bool FeedReader::read(TensorView& feed) {
  const double dtype = next();
  if (dtype < 0) return false;
  feed.dtype = dataTypeOf(static_cast<int64_t>(dtype));
  size_t elements = 1;
  const double rank = next();
  while (static_cast<double>(feed.dims.size()) < rank) {
    const double dim = next();
    if (!(dim >= 0 && dim <= 9007199254740991.0) ||
        __builtin_mul_overflow(elements, static_cast<size_t>(dim), &elements))
      fail(env_, "PARE_SHAPE", "a feed's dimensions make no sense");
    feed.dims.push_back(static_cast<int64_t>(dim));
  }
  return true;
}

void FeedReader::readAll(std::vector<TensorView>& feeds, std::vector<const TensorView*>& fed) {
  feeds.resize(count_);
  fed.resize(count_, nullptr);
  for (size_t i = 0; i < count_; i++)
    if (read(feeds[i])) fed[i] = &feeds[i];
}

}  // namespace pare::binding
