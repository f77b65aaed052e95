// What this processor can do, and the kernels chosen for it.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.h"

namespace pare {

// The kernels in use: the best level of this processor, or the one that PARE_ISA names.
const KernelTable& kernels();

// The kernels of a level by its name; null when it is unknown or cannot run here.
const KernelTable* findKernels(const std::string& level);

// Levels that can run here, slowest first; "reference" is always the first.
std::vector<std::string> availableLevels();

// Switches to another available level and returns true; an unknown or unavailable name changes nothing.
// For tests and benches: calls that are under way keep the level that they began with.
bool setLevel(const std::string& name);

// Why PARE_ISA was not followed, or empty.
const std::string& levelWarning();

// The processor's own name, for reports.
std::string processorName();

// Processors that this process may use: its affinity mask, bounded by the container's CPU quota (cgroup v1 and v2).
unsigned availableProcessors();

}  // namespace pare
