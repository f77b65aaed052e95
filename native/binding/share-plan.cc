// sharePlan(plan) → number; sharedPlan(number) → plan: the same plan, weights and all, in any thread of the process.
#include <map>
#include <mutex>

#include "binding/arguments.h"
#include "binding/plan.h"

namespace pare::binding {
namespace {

// Numbers do not keep plans: what a number stands for lives as long as one session has it.
struct Shared {
  std::mutex mutex;
  std::map<size_t, std::weak_ptr<Plan>> plans;
  size_t last = 0;
};

// Never destroyed, as other threads may run while the process ends.
Shared& shared() {
  static Shared* one = new Shared;
  return *one;
}

Napi::Value sharePlan(const Napi::CallbackInfo& info) {
  const PlanHolder& holder = livePlanHolder(info[0]);
  if (!holder.bytes.IsEmpty())
    fail(info.Env(), "PARE_OPTION", "a session whose runs change its weights cannot be shared");
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.plans, [](const auto& one) { return one.second.expired(); });
  all.plans[++all.last] = holder.plan;
  return Napi::Number::New(info.Env(), static_cast<double>(all.last));
}

Napi::Value sharedPlan(const Napi::CallbackInfo& info) {
  const size_t number = readCount(info[0], "a shared session's number");
  auto holder = std::make_unique<PlanHolder>();
  {
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.plans.find(number); found != all.plans.end()) holder->plan = found->second.lock();
  }
  if (!holder->plan)
    fail(info.Env(), "PARE_OPTION",
         "no session has what is shared any more: one must live until the last has taken it over");
  return wrapPlan(info.Env(), std::move(holder));
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("sharePlan", Napi::Function::New(env, sharePlan));
  exports.Set("sharedPlan", Napi::Function::New(env, sharedPlan));
});

}  // namespace
}  // namespace pare::binding
