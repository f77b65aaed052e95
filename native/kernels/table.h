// The table of kernels that each instruction-set level exports, one family a field.
#pragma once

#include "kernels/float16.h"

namespace pare {

struct KernelTable {
  const char* level;
  const Float16Kernels* float16;
};

}  // namespace pare
