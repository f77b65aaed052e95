// Blobs: sizes, alignment, mapped and spilled memory.
#include "engine/blob.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

namespace pare {
namespace {

TEST(Blob, IsZeroedAndAligned) {
  for (const size_t byteLength : {size_t{0}, size_t{1}, size_t{63}, size_t{4096}, (size_t{4} << 20) + 5}) {
    const auto blob = Blob::allocate(byteLength);
    ASSERT_TRUE(blob);
    EXPECT_EQ(blob->byteLength(), byteLength);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blob->data()) % 64, 0u);
    EXPECT_TRUE(std::all_of(blob->data(), blob->data() + byteLength, [](uint8_t byte) { return byte == 0; }));
    std::fill_n(blob->data(), byteLength, uint8_t{7});
  }
}

TEST(Blob, RefusesWhatNoMachineHas) { EXPECT_FALSE(Blob::allocate(SIZE_MAX / 2)); }

TEST(Blob, SpillsToAFileOrFallsBack) {
  for (const char* folder : {"/tmp", "/nonexistent"}) {
    const auto blob = Blob::allocateSpilled(100000, folder);
    ASSERT_TRUE(blob);
    std::fill_n(blob->data(), blob->byteLength(), uint8_t{9});
    EXPECT_EQ(blob->data()[99999], 9);
  }
}

TEST(Blob, MapsFilesPrivately) {
  char path[] = "/tmp/pare-blob-XXXXXX";
  const int descriptor = mkstemp(path);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(write(descriptor, "abc", 3), 3);
  close(descriptor);
  int error = 0;
  const auto blob = Blob::mapFile(path, error);
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->byteLength(), 3u);
  blob->data()[0] = 'x';
  std::ifstream file(path);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "abc");
  std::remove(path);
  EXPECT_FALSE(Blob::mapFile(path, error));
  EXPECT_EQ(error, ENOENT);
  EXPECT_FALSE(Blob::mapFile("/tmp", error));
  EXPECT_EQ(error, EISDIR);
}

TEST(Blob, MapsPartsOfFilesAtAnyOffset) {
  char path[] = "/tmp/pare-blob-XXXXXX";
  const int descriptor = mkstemp(path);
  ASSERT_GE(descriptor, 0);
  // Sparse: only the last bytes take room.
  const size_t fileLength = (size_t{5} << 30) + 10;
  ASSERT_EQ(pwrite(descriptor, "abc", 3, static_cast<off_t>(fileLength - 3)), 3);
  close(descriptor);
  int error = 0;
  for (const size_t byteLength : {size_t{3}, Blob::toTheEnd}) {
    const auto blob = Blob::mapFile(path, error, fileLength - 3, byteLength);
    ASSERT_TRUE(blob);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(blob->data()), blob->byteLength()), "abc");
  }
  EXPECT_EQ(Blob::mapFile(path, error, fileLength)->byteLength(), 0u);
  for (const auto& [offset, byteLength] :
       {std::pair{fileLength - 3, size_t{4}}, {fileLength + 1, size_t{0}}, {size_t{1}, SIZE_MAX - 1}}) {
    EXPECT_FALSE(Blob::mapFile(path, error, offset, byteLength));
    EXPECT_EQ(error, EINVAL);
  }
  std::remove(path);
}

}  // namespace
}  // namespace pare
