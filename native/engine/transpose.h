// Transposing matrices over the thread pool.
#pragma once

#include "engine/execution.h"

namespace pare {

// out[columns][rows] = in[rows][columns], elements of 1, 2, 4 or 8 bytes; the two must not overlap.
Status transpose(const Execution& execution, const uint8_t* in, uint8_t* out, size_t elementSize, size_t rows,
                 size_t columns);

}  // namespace pare
