// Reading windows (see window.h).
#include "engine/window.h"

#include <algorithm>

namespace pare {

WindowAttributes::WindowAttributes(const NodeReader& node) {
  const std::string_view automatic = node.text("auto_pad");
  if (automatic == "VALID")
    padding = Padding::valid;
  else if (automatic == "SAME_UPPER")
    padding = Padding::sameUpper;
  else if (automatic == "SAME_LOWER")
    padding = Padding::sameLower;
  const auto read = [&](const char* name) { return node.integers(name).value_or(std::vector<int64_t>()); };
  kernel = read("kernel_shape");
  strides = read("strides");
  dilations = read("dilations");
  pads = read("pads");
}

Status WindowAttributes::check(const PrepareContext& context) const {
  if (padding == Padding::given && std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad < 0; }))
    return context.unsupported("negative pads do not run");
  const TensorType& x = context.in(0);
  return x.ranked && x.dims.size() >= 2 ? checkSpatialRank(context, x.dims.size() - 2) : Status::success();
}

Status checkSpatialRank(const NodeReader& node, size_t rank) {
  if (rank >= 1 && rank <= mostSpatialDims) return Status::success();
  return Status::unsupported(node.label() + ": " + std::to_string(rank) + " spatial dimensions do not run; 1 to 3 do");
}

}  // namespace pare
