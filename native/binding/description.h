// A graph from JavaScript: the first three arguments of a call.
#pragma once

#include "binding/arguments.h"
#include "engine/graph.h"

namespace pare::binding {

// What lib/model/describe.ts wrote: words, strings, bytes. `graph` borrows the bytes, which live in that argument.
void readDescription(const Napi::CallbackInfo& info, Graph& graph);

}  // namespace pare::binding
