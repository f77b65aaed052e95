// Element types for memory at any byte offset: weights are views of a file, and ONNX promises no alignment.
#pragma once

#include <cstdint>

namespace pare {

using UnalignedFloat = float __attribute__((aligned(1), may_alias));
using UnalignedUint16 = uint16_t __attribute__((aligned(1), may_alias));
using UnalignedInt16 = int16_t __attribute__((aligned(1), may_alias));
using UnalignedUint32 = uint32_t __attribute__((aligned(1), may_alias));
using UnalignedInt32 = int32_t __attribute__((aligned(1), may_alias));

// The same for a template's element type, since template arguments lose their attributes.
template <class Element>
struct Unaligned {
  typedef Element Type __attribute__((aligned(1), may_alias));  // NOLINT(modernize-use-using): attributes would be lost
};

}  // namespace pare
