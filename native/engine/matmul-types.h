// MatMul and Gemm of float64 and of 32-bit and 64-bit integers, which wrap round: rare, so plain loops over blocks.
#pragma once

#include "engine/run.h"

namespace pare {

Status prepareOtherMatmul(PrepareContext& c);
Status runOtherMatmul(RunContext& c);
// Where the elements are integers, alpha and beta must be too.
Status prepareOtherGemm(PrepareContext& c);
Status runOtherGemm(RunContext& c);

}  // namespace pare
