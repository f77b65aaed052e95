// The addon's entry: what runs here, memory and files, and every registered function.
#include "binding/module.h"

#include <cstring>

#include "binding/arguments.h"

namespace pare::binding {
namespace {

// → { level, levels, threads, processors, processor, warning }
Napi::Value information(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("level", kernels().level);
  Napi::Array levels = Napi::Array::New(env);
  for (const std::string& level : availableLevels()) levels.Set(levels.Length(), level);
  object.Set("levels", levels);
  object.Set("threads", ThreadPool::defaultThreads());
  object.Set("processors", availableProcessors());
  object.Set("processor", processorName());
  object.Set("warning", levelWarning());
  return object;
}

// setLevel(name): for tests and benches.
Napi::Value changeLevel(const Napi::CallbackInfo& info) {
  const std::string name = readString(info[0], "level");
  if (!setLevel(name)) fail(info.Env(), "PARE_OPTION", name + " is not a level of this machine");
  return info.Env().Undefined();
}

// mapFile(path, offset?, byteLength?) → ArrayBuffer over the file's bytes; changes to it stay in memory.
Napi::Value mapFile(const Napi::CallbackInfo& info) {
  const std::string path = readString(info[0], "path");
  const size_t offset = isMissing(info[1]) ? 0 : readCount(info[1], "offset");
  const size_t byteLength = isMissing(info[2]) ? Blob::toTheEnd : readCount(info[2], "byteLength");
  int error = 0;
  std::unique_ptr<Blob> blob = Blob::mapFile(path, error, offset, byteLength);
  if (!blob) {
    char buffer[256];
    fail(info.Env(), "PARE_FILE", path + ": " + strerror_r(error, buffer, sizeof buffer));
  }
  return adoptBlob(info.Env(), std::move(blob));
}

// allocate(byteLength, spillFolder?) → zeroed ArrayBuffer; with a folder it lies on an unlinked temporary file there.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const size_t byteLength = readCount(info[0], "byteLength");
  if (isMissing(info[1])) return newArrayBuffer(info.Env(), byteLength);
  std::unique_ptr<Blob> blob = Blob::allocateSpilled(byteLength, readString(info[1], "spillFolder"));
  if (!blob) fail(info.Env(), "PARE_MEMORY", "no memory for " + std::to_string(byteLength) + " bytes");
  return adoptBlob(info.Env(), std::move(blob));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("information", Napi::Function::New(env, information));
  exports.Set("setLevel", Napi::Function::New(env, changeLevel));
  exports.Set("mapFile", Napi::Function::New(env, mapFile));
  exports.Set("allocate", Napi::Function::New(env, allocate));
  Registration::installAll(env, exports);
  return exports;
}

}  // namespace
}  // namespace pare::binding

static Napi::Object initializePare(Napi::Env env, Napi::Object exports) {
  return pare::binding::initialize(env, exports);
}
NODE_API_MODULE(pare, initializePare)
