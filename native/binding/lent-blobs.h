// Which memory of ours stands behind ArrayBuffers: whoever borrows bytes of one can hold the memory itself, which then
// outlives the buffer, its collection and its environment.
#pragma once

#include <memory>

#include "engine/blob.h"

namespace pare::binding {

class LentBlobs {
 public:
  static void add(const std::shared_ptr<Blob>& blob);
  static void remove(const Blob& blob);
  // The blob that these bytes lie in; null where they are not of ours.
  static std::shared_ptr<Blob> find(const uint8_t* data, size_t byteLength);
};

}  // namespace pare::binding
