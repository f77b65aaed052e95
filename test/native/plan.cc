// One plan in many threads at a time: right answers at changing shapes, with runs cancelled and memory trimmed
// meanwhile. Under ThreadSanitizer it says whether they share what they must not.
#include "engine/plan.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <thread>

namespace pare {
namespace {

constexpr int64_t width = 48, hidden = 96;

std::vector<float> weightsOf(size_t count, float step) {
  std::vector<float> weights(count);
  for (size_t i = 0; i < count; i++) weights[i] = std::sin(static_cast<float>(i) * step) / 4;
  return weights;
}

std::span<const uint8_t> bytesOf(const std::vector<float>& floats) {
  return {reinterpret_cast<const uint8_t*>(floats.data()), floats.size() * sizeof(float)};
}

// y = Softmax(x + Relu(x · first) · second), x float32 [n, width].
class SharedPlan : public testing::Test {
 protected:
  void SetUp() override {
    auto graph = std::make_unique<Graph>();
    graph->opsets[""] = 17;
    for (const auto& [weights, rows, columns] :
         {std::tuple(&first_, width, hidden), std::tuple(&second_, hidden, width)})
      graph->tensors.push_back(
          {.dtype = DataType::float32, .dims = {rows, columns}, .bytes = bytesOf(*weights), .hasBytes = true});
    graph->values.resize(8);
    Declaration& x = graph->values[0];
    x.name = "x";
    x.dtype = DataType::float32;
    x.ranked = true;
    x.dims.resize(2);
    x.dims[0].kind = Declaration::Dimension::symbol;
    x.dims[0].symbol = "n";
    x.dims[1].kind = Declaration::Dimension::number;
    x.dims[1].number = width;
    Block& block = graph->blocks.emplace_back();
    block.inputs = {0};
    block.initializers = {{1, 0}, {2, 1}};
    const auto add = [&](std::string_view type, std::vector<ValueId> inputs, ValueId output) {
      Node& node = block.nodes.emplace_back();
      node.type = type;
      node.inputs = std::move(inputs);
      node.outputs = {output};
      node.def = findOp("", type, 17);
    };
    add("MatMul", {0, 1}, 3);
    add("Relu", {3}, 4);
    add("MatMul", {4, 2}, 5);
    add("Add", {0, 5}, 6);
    add("Softmax", {6}, 7);
    block.outputs = {7};
    PlanOptions options;
    options.threads = 2;
    const Status status = Plan::create(std::move(graph), std::move(options), plan_);
    ASSERT_TRUE(status.ok()) << status.message;
  }

  // The run's outcome; `y` receives what it computed.
  Status run(int64_t rows, const std::atomic<int32_t>* cancelled, std::vector<float>& y) const {
    std::vector<float> x(static_cast<size_t>(rows * width));
    for (size_t i = 0; i < x.size(); i++) x[i] = std::cos(static_cast<float>(i));
    TensorView feed{.dtype = DataType::float32, .dims = {rows, width}, .data = reinterpret_cast<uint8_t*>(x.data())};
    const TensorView* feeds[] = {&feed};
    std::array<Result, 1> results;
    const Execution execution{.threads = 2, .cancelled = cancelled};
    if (Status status = plan_->run(execution, feeds, results); !status.ok()) return status;
    const auto* data = reinterpret_cast<const float*>(results[0].blob->data());
    y.assign(data, data + x.size());
    return Status::success();
  }

 private:
  std::vector<float> first_ = weightsOf(width * hidden, 0.7f), second_ = weightsOf(hidden * width, 1.1f);

 protected:
  std::unique_ptr<Plan> plan_;
};

TEST_F(SharedPlan, RunsInManyThreadsAtOnce) {
  const int64_t sizes[] = {1, 7, 16, 65};
  std::vector<std::vector<float>> wanted(std::size(sizes));
  for (size_t i = 0; i < wanted.size(); i++) ASSERT_TRUE(run(sizes[i], nullptr, wanted[i]).ok());
  std::atomic<int> wrong{0}, right{0};
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 8; caller++)
    callers.emplace_back([&, caller] {
      for (size_t call = 0; call < 60; call++) {
        const size_t which = (caller + call) % wanted.size();
        std::atomic<int32_t> cancelled{call % 5 == 4 ? 1 : 0};
        std::vector<float> y;
        const Status status = run(sizes[which], &cancelled, y);
        if (cancelled ? status.ok() : !status.ok() || y != wanted[which]) wrong++;
        right += status.ok() ? 1 : 0;
        if (caller == 0 && call % 20 == 19) plan_->trim();
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right, 8 * 48);
}

TEST_F(SharedPlan, StopsRunsThatAreCancelledMeanwhile) {
  std::vector<float> wanted;
  ASSERT_TRUE(run(65, nullptr, wanted).ok());
  std::atomic<int32_t> cancelled{0};
  std::vector<std::thread> callers;
  std::atomic<int> other{0};
  for (int caller = 0; caller < 4; caller++)
    callers.emplace_back([&] {
      std::vector<float> y;
      while (true) {
        const Status status = run(65, &cancelled, y);
        if (!status.ok()) {
          if (std::string(status.code) != "PARE_ABORTED") other++;
          return;
        }
        if (y != wanted) other++;
      }
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  cancelled = 1;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(other, 0);
}

}  // namespace
}  // namespace pare
