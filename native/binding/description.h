// A graph from JavaScript: the first three arguments of a call.
#pragma once

#include "binding/arguments.h"
#include "engine/graph.h"

namespace pare::binding {

// What lib/model/describe.ts wrote: words, strings, bytes. `graph` borrows the bytes, which live in that argument; or,
// with `kept`, in what that holds then: the memory of ours that they lie in, and copies of others.
void readDescription(const Napi::CallbackInfo& info, Graph& graph,
                     std::vector<std::shared_ptr<const Blob>>* kept = nullptr);

}  // namespace pare::binding
