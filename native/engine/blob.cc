// Memory that outlives a call (see blob.h).
#include "engine/blob.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pare {
namespace {

constexpr size_t hugePage = size_t{2} << 20;
constexpr size_t hugePageThreshold = size_t{4} << 20;
constexpr size_t maximumByteLength = size_t{1} << 46;

class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return descriptor_; }
  bool valid() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// A file that goes away with its descriptor; negative where none can be had. Not every file system (overlayfs, for one)
// makes files without a name.
int openUnlinked(const std::string& folder) {
  const int nameless = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  std::string path = folder + "/pare-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

}  // namespace

std::unique_ptr<Blob> Blob::allocate(size_t byteLength) {
  if (byteLength > maximumByteLength) return nullptr;
  if (byteLength < hugePageThreshold) {
    const size_t rounded = (byteLength + 63) / 64 * 64 + 64;  // never zero
    auto* data = static_cast<uint8_t*>(std::aligned_alloc(64, rounded));
    if (!data) return nullptr;
    std::memset(data, 0, rounded);
    return std::unique_ptr<Blob>(new Blob(data, byteLength, 0));
  }
  // Map one huge page more than needed and give back what lies outside the aligned part.
  const size_t length = (byteLength + hugePage - 1) / hugePage * hugePage;
  void* mapped = mmap(nullptr, length + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* start = static_cast<uint8_t*>(mapped);
  const size_t before = (hugePage - reinterpret_cast<uintptr_t>(start) % hugePage) % hugePage;
  if (before) munmap(start, before);
  if (hugePage - before) munmap(start + before + length, hugePage - before);
  madvise(start + before, length, MADV_HUGEPAGE);
  return std::unique_ptr<Blob>(new Blob(start + before, byteLength, length));
}

std::unique_ptr<Blob> Blob::allocateSpilled(size_t byteLength, const std::string& folder) {
  if (byteLength == 0) return allocate(0);
  const FileDescriptor file(openUnlinked(folder));
  // Reserving the space now turns a full disk into a fallback here instead of a fatal signal at a later write.
  if (!file.valid() || posix_fallocate(file.get(), 0, static_cast<off_t>(byteLength)) != 0) return allocate(byteLength);
  void* mapped = mmap(nullptr, byteLength, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return allocate(byteLength);
  return std::unique_ptr<Blob>(new Blob(static_cast<uint8_t*>(mapped), byteLength, byteLength));
}

std::unique_ptr<Blob> Blob::mapFile(const std::string& path, int& error, size_t offset, size_t byteLength) {
  error = 0;
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat information {};
  if (!file.valid() || fstat(file.get(), &information) != 0) {
    error = errno;
    return nullptr;
  }
  if (!S_ISREG(information.st_mode)) {
    error = S_ISDIR(information.st_mode) ? EISDIR : EINVAL;
    return nullptr;
  }
  const auto fileLength = static_cast<size_t>(information.st_size);
  if (byteLength == toTheEnd) byteLength = fileLength - std::min(offset, fileLength);
  if (offset > fileLength || byteLength > fileLength - offset) {
    error = EINVAL;
    return nullptr;
  }
  if (byteLength == 0) return allocate(0);
  const size_t before = offset % static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* mapped = mmap(nullptr, before + byteLength, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(),
                      static_cast<off_t>(offset - before));
  if (mapped == MAP_FAILED) {
    error = errno;
    return nullptr;
  }
  return std::unique_ptr<Blob>(
      new Blob(static_cast<uint8_t*>(mapped) + before, byteLength, before + byteLength, before));
}

Blob::~Blob() {
  if (mappedLength_)
    munmap(data_ - before_, mappedLength_);
  else
    std::free(data_);
}

void returnFreePages() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace pare
