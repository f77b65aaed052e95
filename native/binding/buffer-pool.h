// Buffers of ours that runs copy feeds into and results out of, kept for the next run. One JavaScript thread uses it.
#pragma once

#include <memory>
#include <vector>

#include "engine/blob.h"

namespace pare::binding {

class BufferPool {
 public:
  // At least `byteLength` bytes; null where there is no memory.
  std::unique_ptr<Blob> take(size_t byteLength);
  void giveBack(std::unique_ptr<Blob> blob);
  void clear() { blobs_.clear(); }

 private:
  std::vector<std::unique_ptr<Blob>> blobs_;  // the latest last
};

}  // namespace pare::binding
