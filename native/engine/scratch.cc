// Temporary memory (see scratch.h).
#include "engine/scratch.h"

#include <algorithm>
#include <array>

namespace pare {
namespace {

// More than this a thread gives back at once.
constexpr size_t mostKept = size_t{32} << 20;

// Freed when the thread ends. As many as scopes nest, or every run would take fresh pages: an op holds its bytes and
// scales, a product sums and packed operands, its pieces their own.
using Kept = std::array<std::unique_ptr<Blob>, 8>;
Kept& kept() {
  static thread_local Kept blobs;
  return blobs;
}

}  // namespace

Scratch::Scratch(size_t byteLength) {
  // The smallest that is large enough; else a new one in place of the smallest.
  std::unique_ptr<Blob>* best = nullptr;
  for (std::unique_ptr<Blob>& blob : kept())
    if (blob && blob->byteLength() >= byteLength && (!best || blob->byteLength() < (*best)->byteLength())) best = &blob;
  if (best)
    blob_ = std::move(*best);
  else
    blob_ = Blob::allocate(std::max<size_t>(byteLength, 4096));
}

Scratch::~Scratch() {
  if (!blob_ || blob_->byteLength() > mostKept) return;
  std::unique_ptr<Blob>* least = nullptr;
  for (std::unique_ptr<Blob>& blob : kept()) {
    if (!blob) {
      blob = std::move(blob_);
      return;
    }
    if (!least || blob->byteLength() < (*least)->byteLength()) least = &blob;
  }
  if ((*least)->byteLength() < blob_->byteLength()) *least = std::move(blob_);
}

}  // namespace pare
