// Temporary memory for the time of a scope, kept by its thread for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/blob.h"

namespace pare {

// At least `byteLength` bytes, aligned to 64, on huge pages when large; contents are whatever was there. Scopes nest.
class Scratch {
 public:
  explicit Scratch(size_t byteLength);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Null when there is no memory.
  uint8_t* data() const { return blob_ ? blob_->data() : nullptr; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data());
  }

 private:
  std::unique_ptr<Blob> blob_;
};

}  // namespace pare
