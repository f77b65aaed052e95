// What a plan object of JavaScript holds, and reading feeds for it.
#pragma once

#include "binding/buffer-pool.h"
#include "binding/module.h"
#include "engine/plan.h"

namespace pare::binding {

// Runs that go on hold the plan themselves.
struct PlanHolder {
  std::shared_ptr<Plan> plan;
  // The weights, where the plan changes them and so cannot hold them itself: it must not be shared, then.
  Napi::ObjectReference bytes;
  BufferPool buffers;
};

// A plan as JavaScript has it.
Napi::Value wrapPlan(Napi::Env env, std::unique_ptr<PlanHolder> holder);

// Throws for what is no plan.
PlanHolder& planHolder(Napi::Value value);
// Throws for one that is released, too.
PlanHolder& livePlanHolder(Napi::Value value);

// `header`: of each input that is fed its dtype, its rank and its dimensions; −1 where it is not fed.
class FeedReader {
 public:
  FeedReader(Napi::Value header, const Plan& plan);

  // The next input's type and dimensions; false where it is not fed.
  bool read(TensorView& feed);
  // All inputs; `fed` points into `feeds`, null where one is not fed.
  void readAll(std::vector<TensorView>& feeds, std::vector<const TensorView*>& fed);

 private:
  double next();

  Napi::Env env_;
  size_t count_;
  const double* at_;
  const double* end_;
};

}  // namespace pare::binding
