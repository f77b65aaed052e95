// The slow, obvious version of depthwise.h: no kernel at all, so that the engine takes the way that fits every window.
#include "kernels/depthwise.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

bool has(size_t, size_t, size_t, size_t) { return false; }
size_t scratchBytes(const DepthwisePlanes&) { return 0; }
void compute(const DepthwisePlanes&, const Activation&) {}

}  // namespace

extern const DepthwiseKernels depthwiseKernels;
const DepthwiseKernels depthwiseKernels{.has = has, .scratchBytes = scratchBytes, .compute = compute};

}  // namespace pare::PARE_LEVEL
