// Blobs by their addresses, for all environments of the process (see lent-blobs.h).
#include "binding/lent-blobs.h"

#include <map>
#include <mutex>

namespace pare::binding {
namespace {

struct Table {
  std::mutex mutex;
  std::map<uintptr_t, std::weak_ptr<Blob>> blobs;  // by the address of the first byte
};

// Never destroyed: buffers may be collected while the process ends.
Table& table() {
  static Table* one = new Table;
  return *one;
}

uintptr_t addressOf(const uint8_t* data) { return reinterpret_cast<uintptr_t>(data); }

}  // namespace

void LentBlobs::add(const std::shared_ptr<Blob>& blob) {
  const std::lock_guard lock(table().mutex);
  table().blobs[addressOf(blob->data())] = blob;
}

void LentBlobs::remove(const Blob& blob) {
  const std::lock_guard lock(table().mutex);
  table().blobs.erase(addressOf(blob.data()));
}

std::shared_ptr<Blob> LentBlobs::find(const uint8_t* data, size_t byteLength) {
  const std::lock_guard lock(table().mutex);
  const uintptr_t address = addressOf(data);
  auto after = table().blobs.upper_bound(address);
  if (after == table().blobs.begin()) return nullptr;
  std::shared_ptr<Blob> blob = std::prev(after)->second.lock();
  if (!blob) return nullptr;
  const uintptr_t begin = addressOf(blob->data());
  return address + byteLength <= begin + blob->byteLength() ? blob : nullptr;
}

}  // namespace pare::binding
