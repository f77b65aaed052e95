// Keeping buffers (see buffer-pool.h).
#include "binding/buffer-pool.h"

#include <algorithm>

namespace pare::binding {

std::unique_ptr<Blob> BufferPool::take(size_t byteLength) {
  // One that is much too large would keep its memory from those that need it.
  const auto found = std::find_if(blobs_.rbegin(), blobs_.rend(), [&](const auto& blob) {
    return blob->byteLength() >= byteLength && blob->byteLength() / 2 <= byteLength;
  });
  if (found == blobs_.rend()) return Blob::allocate(byteLength);
  std::unique_ptr<Blob> blob = std::move(*found);
  blobs_.erase(std::next(found).base());
  return blob;
}

void BufferPool::giveBack(std::unique_ptr<Blob> blob) {
  constexpr size_t mostBlobs = 8;
  blobs_.push_back(std::move(blob));
  if (blobs_.size() > mostBlobs) blobs_.erase(blobs_.begin());
}

}  // namespace pare::binding
