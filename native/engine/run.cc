// Sizes of tensors, and checks while a plan is made (see run.h).
#include "engine/run.h"

namespace pare {

size_t TensorView::countOf(std::span<const int64_t> dims) {
  // Where there are more elements than any memory holds this many, so that their bytes can be counted, too.
  constexpr size_t most = size_t{1} << 58;
  size_t count = 1;
  for (const int64_t dim : dims)
    if (__builtin_mul_overflow(count, static_cast<size_t>(dim), &count) || count > most) count = most;
  return count;
}

size_t TensorView::bytesOf(DataType dtype, size_t count) {
  const size_t bits = bitsOf(dtype);
  return bits >= 8 ? count * (bits / 8) : (count * bits + 7) / 8;
}

Status PrepareContext::needType(TypeSet types, size_t input) const {
  const DataType dtype = in(input).dtype;
  if (!has(input) || types.contains(dtype)) return Status::success();
  return unsupported(inputName(input) + " of " + dataTypeName(dtype) + " does not run yet; " + typeNames(types) +
                     " does");
}

}  // namespace pare
