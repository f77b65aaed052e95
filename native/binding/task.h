// One call from JavaScript: what to compute, what to keep alive meanwhile, and how to turn the outcome into a value.
#pragma once

#include <napi.h>

#include <functional>
#include <vector>

#include "binding/arguments.h"

namespace pare::binding {

// How a call wants to run; the last argument of every kernel: undefined, a number of
// threads, or { threads?, async?, cancel? }.
struct CallOptions {
  unsigned threads = ThreadPool::defaultThreads();
  bool async = false;
  Napi::Value cancel;  // an Int32Array of one element; the call stops soon after it becomes non-zero

  static CallOptions read(Napi::Value value);
};

struct Task {
  explicit Task(const Napi::CallbackInfo& info) : env(info.Env()) {}

  // Borrowed values that must live until the task is done.
  void pin(Napi::Value borrowed) { pinned.push_back(borrowed); }
  const Bytes& pin(const Bytes& bytes) {
    pin(bytes.owner);
    return bytes;
  }

  Napi::Env env;
  std::function<Status(const Execution&)> compute;  // touches no JavaScript; may run on another thread
  std::function<Napi::Value(Napi::Env)> result;     // runs on the JavaScript thread afterwards; undefined when empty
  std::function<void(Napi::Object)> finish;         // completes `value`, an object, on the JavaScript thread afterwards
  Napi::Value value;                                // the result when `result` is empty: an out buffer
  std::vector<Napi::Value> pinned;
};

// Runs the task now and returns its result, or starts it off the event loop and returns a promise of it.
Napi::Value run(Task task, const CallOptions& options);

}  // namespace pare::binding
