// Where every value of a plan lies for one set of input shapes: who shares memory, who is computed at all.
//
// Values that only shapes need are known already and cost nothing. Views, parts (of a Split along its first axis, for
// one) and what may write over its input share that input's memory. What is left gets a place in one arena, by the time
// in which each is needed (largest first, each at the lowest place that is free all that time; Pisarchyk & Lee 2020).
// Values whose dimensions depend on data are allocated when they are computed.
#pragma once

#include "engine/plan.h"

namespace pare {

struct Place {
  enum class Kind : uint8_t {
    none,      // nobody needs it
    constant,  // a weight, or what inference knows already
    input,     // index: of the graph's input
    output,    // index: of the graph's output
    arena,     // offset
    dynamic,   // allocated when it is computed
  };
  Kind kind = Kind::none;
  size_t index = 0, offset = 0;
  const uint8_t* data = nullptr;  // of constants
};

struct Step {
  size_t node;
  bool infers = false;              // its outputs' dimensions are known only when its inputs are there
  std::vector<ValueId> lastUsedIn;  // dynamic values that nobody needs after it
};

struct Layout {
  std::vector<std::vector<int64_t>> inputDims;  // the set of shapes; of inputs left out nothing
  std::vector<DataType> inputTypes;
  std::vector<bool> isFed;
  std::vector<TensorType> types;
  std::vector<Place> places;  // of each value
  std::vector<Step> steps;
  // Outputs that are not computed where they go: a weight, an input, the same value twice.
  struct Copy {
    ValueId from;
    size_t output;
  };
  std::vector<Copy> copies;
  size_t arenaBytes = 0;
  size_t fixedBytes = 0;                          // with results whose dimensions are known
  bool isDynamic = false;                         // some value is allocated while it is computed
  std::vector<std::unique_ptr<uint8_t[]>> known;  // bytes of what inference knows

  static Status create(const Plan& plan, std::span<const TensorView* const> feeds,
                       std::shared_ptr<const Layout>& layout);
  bool fits(std::span<const TensorView* const> feeds) const;
};

}  // namespace pare
