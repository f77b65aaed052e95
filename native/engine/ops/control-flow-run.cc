// Running If and Loop: their subgraphs run in the same frame.
#include <cstring>
#include <string>

#include "engine/run.h"

namespace pare {
namespace {

// What a rule could not tell: a scalar, or a tensor of one element.
Status needOne(const RunContext& c, const TensorView& value, const char* what) {
  if (value.data && value.count() == 1) return Status::success();
  return c.shapeError(std::string(what) + " must have one element");
}

Status runIf(RunContext& c) {
  if (Status status = needOne(c, c.in(0), "the condition"); !status.ok()) return status;
  const char* branch = c.in(0).data[0] != 0 ? "then_branch" : "else_branch";
  std::vector<const TensorView*> results;
  if (Status status = c.host->runBlock(c.node->attribute(branch)->index, {}, results); !status.ok()) return status;
  for (size_t i = 0; i < c.outputs.size(); i++)
    if (c.wants(i))
      if (Status status = c.host->adopt(c.node->outputs[i], *results[i]); !status.ok()) return status;
  return Status::success();
}

// A tensor of its own, while the block that made it runs again.
struct OwnTensor {
  TensorView view;
  std::vector<uint8_t> bytes;

  void take(const TensorView& from) {
    view.dtype = from.dtype;
    view.dims = from.dims;
    bytes.assign(from.data, from.data + from.byteLength());
    bytes.resize(std::max<size_t>(bytes.size(), 1));
    view.data = bytes.data();
  }
};

// Inputs: the most rounds, the first condition, what is carried on. The body takes the round's number, the condition
// and what is carried, and gives the condition, what is carried, and elements of the lists that are collected.
Status runLoop(RunContext& c) {
  const uint32_t body = c.node->attribute("body")->index;
  if (c.has(0))
    if (Status status = needOne(c, c.in(0), "M"); !status.ok()) return status;
  if (c.has(1))
    if (Status status = needOne(c, c.in(1), "the condition"); !status.ok()) return status;
  const int64_t most = c.has(0) ? c.in(0).as<int64_t>()[0] : INT64_MAX;
  const size_t carriedCount = c.inputs.size() > 2 ? c.inputs.size() - 2 : 0;
  std::vector<OwnTensor> carried(carriedCount);
  for (size_t i = 0; i < carriedCount; i++) carried[i].take(c.in(i + 2));
  std::vector<std::vector<uint8_t>> lists(c.outputs.size() - carriedCount);
  std::vector<TensorView> shapes(lists.size());
  uint8_t goesOn = c.has(1) ? c.in(1).data[0] : 1;
  int64_t round = 0;
  TensorView number{DataType::int64, {}, reinterpret_cast<uint8_t*>(&round)};
  TensorView condition{DataType::boolean, {}, &goesOn};
  std::vector<int64_t> reserved(lists.size(), 0);
  for (; round < most && goesOn; round++) {
    if (c.execution->isCancelled()) return Status::aborted();
    std::vector<const TensorView*> inputs{&number, &condition}, results;
    for (const OwnTensor& one : carried) inputs.push_back(&one.view);
    if (Status status = c.host->runBlock(body, inputs, results); !status.ok()) return status;
    if (Status status = needOne(c, *results[0], "the body's condition"); !status.ok()) return status;
    const uint8_t next = results[0]->data[0];
    // All results are read before anything is overwritten: one may be what another was.
    std::vector<OwnTensor> after(carriedCount);
    for (size_t i = 0; i < carriedCount; i++) after[i].take(*results[i + 1]);
    for (size_t i = 0; i < lists.size(); i++) {
      if (!c.wants(carriedCount + i)) continue;
      const TensorView& element = *results[carriedCount + 1 + i];
      if (round > 0 && element.dims != shapes[i].dims)
        return Status::shape(c.reader().label() + ": what it collects changes its shape from round to round");
      shapes[i] = {element.dtype, element.dims, nullptr};
      // The memory that the list will take is claimed ahead, so that the run's limit holds.
      if (round == reserved[i]) {
        reserved[i] = std::max<int64_t>(2 * reserved[i], 1);
        std::vector<int64_t> dims = element.dims;
        dims.insert(dims.begin(), reserved[i]);
        c.out(carriedCount + i).dtype = element.dtype;
        if (Status status = c.allocate(carriedCount + i, dims); !status.ok()) return status;
      }
      lists[i].insert(lists[i].end(), element.data, element.data + element.byteLength());
    }
    carried = std::move(after);
    goesOn = next;
  }
  for (size_t i = 0; i < carriedCount; i++)
    if (c.wants(i))
      if (Status status = c.host->adopt(c.node->outputs[i], carried[i].view); !status.ok()) return status;
  for (size_t i = 0; i < lists.size(); i++) {
    if (!c.wants(carriedCount + i)) continue;
    TensorView list = shapes[i];
    if (round == 0) list.dtype = c.out(carriedCount + i).dtype;
    list.dims.insert(list.dims.begin(), round);
    list.data = lists[i].data();
    if (Status status = c.host->adopt(c.node->outputs[carriedCount + i], list); !status.ok()) return status;
  }
  return Status::success();
}

const OpRuns runs({
    {"If", runIf},
    {"Loop", runLoop},
});

}  // namespace
}  // namespace pare
