// What an engine call reports: success, or a code of the public errors and a message that says what would fit.
#pragma once

#include <string>
#include <utility>

namespace pare {

struct [[nodiscard]] Status {
  const char* code = nullptr;  // "PARE_SHAPE", "PARE_OPTION", …; null on success
  std::string message;

  bool ok() const { return code == nullptr; }
  static Status success() { return {}; }
  static Status shape(std::string message) { return {"PARE_SHAPE", std::move(message)}; }
  static Status type(std::string message) { return {"PARE_TYPE", std::move(message)}; }
  static Status model(std::string message) { return {"PARE_MODEL", std::move(message)}; }
  static Status option(std::string message) { return {"PARE_OPTION", std::move(message)}; }
  static Status unsupported(std::string message) { return {"PARE_UNSUPPORTED", std::move(message)}; }
  static Status memory(std::string message) { return {"PARE_MEMORY", std::move(message)}; }
  static Status aborted() { return {"PARE_ABORTED", "the call was cancelled"}; }
};

}  // namespace pare
