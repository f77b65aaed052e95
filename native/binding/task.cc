// Running a call now or off the event loop (see task.h).
#include "binding/task.h"

#include <new>

namespace pare::binding {
namespace {

Status guarded(const std::function<Status(const Execution&)>& compute, const Execution& execution) {
  try {
    return compute(execution);
  } catch (const std::bad_alloc&) {
    return Status::memory("no memory for a temporary buffer");
  }
}

const std::atomic<int32_t>* cancelFlag(Napi::Value cancel) {
  if (isMissing(cancel)) return nullptr;
  const Bytes bytes = readBytes(cancel, "cancel");
  if (bytes.type != napi_int32_array || bytes.byteLength < 4)
    fail(cancel.Env(), "PARE_TYPE", "cancel must be an Int32Array of one element");
  return bytes.as<const std::atomic<int32_t>>();
}

// Node waits for a running worker before it frees an environment, so what is pinned outlives the computation.
class Worker final : public Napi::AsyncWorker {
 public:
  Worker(Task task, Execution execution)
      : Napi::AsyncWorker(task.env, "pare"),
        deferred_(Napi::Promise::Deferred::New(task.env)),
        compute_(std::move(task.compute)),
        result_(std::move(task.result)),
        finish_(std::move(task.finish)),
        execution_(execution) {
    Napi::Array kept = Napi::Array::New(task.env, task.pinned.size() + 1);
    kept.Set(0u, task.value.IsEmpty() ? task.env.Undefined() : task.value);
    for (uint32_t i = 0; i < task.pinned.size(); i++) kept.Set(i + 1, task.pinned[i]);
    kept_ = Napi::Persistent(kept.As<Napi::Object>());
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { status_ = guarded(compute_, execution_); }
  void OnOK() override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    try {
      check(env, status_);
      if (finish_) finish_(kept_.Value().Get(0u).As<Napi::Object>());
      deferred_.Resolve(result_ ? result_(env) : kept_.Value().Get(0u));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::function<Status(const Execution&)> compute_;
  std::function<Napi::Value(Napi::Env)> result_;
  std::function<void(Napi::Object)> finish_;
  Execution execution_;
  Napi::ObjectReference kept_;  // [the result when there is no result_, then what is pinned]
  Status status_;
};

}  // namespace

CallOptions CallOptions::read(Napi::Value value) {
  CallOptions options;
  if (isMissing(value)) return options;
  const auto readThreads = [&](Napi::Value given) {
    const size_t count = readCount(given, "threads");
    if (count < 1 || count > 256) fail(value.Env(), "PARE_OPTION", "threads must be between 1 and 256");
    options.threads = static_cast<unsigned>(count);
  };
  if (value.IsNumber()) {
    readThreads(value);
    return options;
  }
  const auto object = value.As<Napi::Object>();
  if (const Napi::Value given = object.Get("threads"); !isMissing(given)) readThreads(given);
  options.async = object.Get("async").ToBoolean();
  options.cancel = object.Get("cancel");
  return options;
}

Napi::Value run(Task task, const CallOptions& options) {
  Execution execution{.threads = options.threads, .cancelled = cancelFlag(options.cancel)};
  if (options.async) {
    if (!isMissing(options.cancel)) task.pin(options.cancel);
    // Deletes itself when it is done.
    auto* worker = new Worker(std::move(task), execution);
    worker->Queue();
    return worker->promise();
  }
  check(task.env, guarded(task.compute, execution));
  if (task.finish) task.finish(task.value.As<Napi::Object>());
  if (task.result) return task.result(task.env);
  return task.value.IsEmpty() ? task.env.Undefined() : task.value;
}

}  // namespace pare::binding
