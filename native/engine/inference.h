// Shape inference over a whole graph, subgraphs included.
#pragma once

#include <vector>

#include "engine/shape.h"

namespace pare {

struct InferenceOptions {
  // Ops that the table lacks, and types that a row does not allow, are errors.
  bool strict = false;
  // Whether to believe the dimensions that the file declares for what nodes compute.
  bool believesDeclared = true;
  // What the graph's inputs are, in their order; one of no rank stays as declared. Those of initializers that are
  // inputs too replace them.
  const std::vector<TensorType>* inputs = nullptr;
};

// Fills in what is known of every value: `types` is indexed by ValueId. What the file declares fills in what the rules
// leave unknown, and names symbols. A node whose inputs do not fit is PARE_SHAPE, PARE_TYPE, PARE_OPTION or PARE_MODEL
// with the node's name; an op that the table lacks leaves its outputs as declared.
Status inferShapes(const Graph& graph, SymbolTable& symbols, const InferenceOptions& options,
                   std::vector<TensorType>& types);

// One node of it, whose inputs' types are there; fills in those of its outputs.
Status inferNode(const Graph& graph, const Node& node, SymbolTable& symbols, std::vector<TensorType>& types);

}  // namespace pare
