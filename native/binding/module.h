// How a binding file announces its functions: one Registration at namespace scope each.
#pragma once

#include <napi.h>

namespace pare::binding {

class Registration {
 public:
  using Install = void (*)(Napi::Env, Napi::Object exports);
  explicit Registration(Install install) : install_(install), next_(first_) { first_ = this; }
  static void installAll(Napi::Env env, Napi::Object exports) {
    for (const Registration* one = first_; one; one = one->next_) one->install_(env, exports);
  }

 private:
  Install install_;
  const Registration* next_;
  inline static constinit const Registration* first_ = nullptr;
};

}  // namespace pare::binding
