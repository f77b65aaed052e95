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

  // A file, or `byteLength` bytes of it from `offset` on, mapped privately: writes to it stay in memory. Null and
  // `error` (errno) on failure; EINVAL for a part that the file does not have. An empty part gives an empty blob.
  static constexpr size_t toTheEnd = SIZE_MAX;
  static std::unique_ptr<Blob> mapFile(const std::string& path, int& error, size_t offset = 0,
                                       size_t byteLength = toTheEnd);

  ~Blob();
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  uint8_t* data() const { return data_; }
  size_t byteLength() const { return byteLength_; }

 private:
  Blob(uint8_t* data, size_t byteLength, size_t mappedLength, size_t before = 0)
      : data_(data), byteLength_(byteLength), mappedLength_(mappedLength), before_(before) {}
  uint8_t* data_;
  size_t byteLength_;
  size_t mappedLength_;  // 0: from the heap
  size_t before_;        // bytes mapped before the first: mappings begin on pages
};

// Hands pages back to the system that hold nothing any more; the C library would keep those between others that do.
void returnFreePages();

}  // namespace pare
