// Memory that outlives a call: large results, mapped files, and results too large to keep in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pare {

class Blob {
 public:
  // Zeroed memory, aligned to 64 bytes. From 4 MiB on it sits on huge pages where the system gives them: first touch
  // costs a page fault for 2 MiB instead of 4 KiB. Null when there is no memory.
  static std::unique_ptr<Blob> allocate(size_t byteLength);

  // The same on an unlinked temporary file, so that the system may write it out under pressure: for results that
  // together may exceed memory. Space is reserved at once. Falls back to allocate() where no file can be had.
  static std::unique_ptr<Blob> allocateSpilled(size_t byteLength, const std::string& folder);

  // A file, mapped privately: writes to it stay in memory. Null and `error` (errno) on failure. An empty file gives an
  // empty blob.
  static std::unique_ptr<Blob> mapFile(const std::string& path, int& error);

  ~Blob();
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  uint8_t* data() const { return data_; }
  size_t byteLength() const { return byteLength_; }

 private:
  Blob(uint8_t* data, size_t byteLength, size_t mappedLength)
      : data_(data), byteLength_(byteLength), mappedLength_(mappedLength) {}
  uint8_t* data_;
  size_t byteLength_;
  size_t mappedLength_;  // 0: from the heap
};

}  // namespace pare
