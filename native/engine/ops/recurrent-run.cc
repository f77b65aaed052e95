// Running LSTM, GRU and RNN: attributes, constant weights packed once, and every direction on its own.
#include <algorithm>
#include <array>

#include "engine/matmul.h"
#include "engine/recurrent.h"
#include "engine/run.h"

namespace pare {
namespace {

using Extra = RecurrentActivation::Extra;

struct ActivationName {
  std::string_view name;
  RecurrentActivation activation;
  int parameters;  // how many of alpha and beta it takes
};
const std::array<ActivationName, 11> activationNames{
    {{"sigmoid", {Unary::sigmoid, Extra::none, {}}, 0},
     {"tanh", {Unary::tanh, Extra::none, {}}, 0},
     {"relu", {Unary::relu, Extra::none, {}}, 0},
     {"softsign", {Unary::softsign, Extra::none, {}}, 0},
     {"softplus", {Unary::softplus, Extra::none, {}}, 0},
     {"leakyrelu", {Unary::leakyRelu, Extra::none, {0.01F, 0}}, 1},
     {"thresholdedrelu", {Unary::thresholdedRelu, Extra::none, {1, 0}}, 1},
     {"elu", {Unary::elu, Extra::none, {1, 0}}, 1},
     {"hardsigmoid", {Unary::hardSigmoid, Extra::none, {0.2F, 0.5F}}, 2},
     {"affine", {Unary::tanh, Extra::affine, {1, 0}}, 2},
     {"scaledtanh", {Unary::tanh, Extra::scaledTanh, {1, 1}}, 2}}};

struct PackedDirection {
  std::unique_ptr<Blob> w, r, rLast;
};

struct RecurrentState : NodeState {
  RecurrentLayer layer;
  std::vector<RecurrentActivation> activations;  // f, g, h of each direction
  std::vector<PackedDirection> packed;           // of each direction
};

constexpr size_t activationsEach = 3;

Status readActivations(PrepareContext& c, RecurrentState& state) {
  const RecurrentKind kind = state.layer.kind;
  const size_t each = kind == RecurrentKind::lstm ? 3 : kind == RecurrentKind::gru ? 2 : 1;
  const Attribute* given = c.node().attribute("activations");
  static constexpr std::string_view defaults[] = {"sigmoid", "tanh", "tanh"};
  const size_t count = each * state.layer.directions;
  if (given && given->texts.size() != count)
    return Status::option(c.label() + ": activations are " + std::to_string(given->texts.size()) + " names; it takes " +
                          std::to_string(count));
  const Attribute *alphas = c.node().attribute("activation_alpha"), *betas = c.node().attribute("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  state.activations.resize(activationsEach * state.layer.directions);
  for (size_t i = 0; i < count; i++) {
    std::string name(given ? given->texts[i] : kind == RecurrentKind::rnn ? "tanh" : defaults[i % each]);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char one) { return one >= 'A' && one <= 'Z' ? one + 32 : one; });
    const auto found = std::find_if(activationNames.begin(), activationNames.end(),
                                    [&](const ActivationName& one) { return one.name == name; });
    if (found == activationNames.end()) return c.unsupported("the activation " + name + " does not run");
    RecurrentActivation& activation = state.activations[i / each * activationsEach + i % each];
    activation = found->activation;
    if (found->parameters >= 1 && alphas && nextAlpha < alphas->reals.size())
      activation.parameters.alpha = static_cast<float>(alphas->reals[nextAlpha++]);
    if (found->parameters >= 2 && betas && nextBeta < betas->reals.size())
      activation.parameters.beta = static_cast<float>(betas->reals[nextBeta++]);
  }
  return Status::success();
}

// `n` rows of a constant matrix [n, k] as the right side of a product; null where there is nothing to gain.
std::unique_ptr<Blob> packRows(PrepareContext& c, const Tensor& tensor, size_t firstRow, size_t n, size_t k) {
  if (n == 0 || k == 0) return nullptr;
  const KernelTable& kernels = c.execution().kernels;
  auto packed = Blob::allocate(packedByteLength(kernels, k, n));
  if (packed)
    packMatrix(c.execution(), reinterpret_cast<const UnalignedFloat*>(tensor.bytes.data()) + firstRow * k, k, n, true,
               reinterpret_cast<uint32_t*>(packed->data()));
  return packed;
}

void packWeights(PrepareContext& c, RecurrentState& state) {
  const size_t gates = state.layer.gates(), directions = state.layer.directions;
  state.packed.resize(directions);
  const Tensor *w = c.constant(1), *r = c.constant(2);
  const auto fits = [&](const Tensor* tensor) {
    return tensor && tensor->dims.size() == 3 && tensor->dims[0] == static_cast<int64_t>(directions) &&
           tensor->dims[1] % static_cast<int64_t>(gates) == 0;
  };
  for (size_t i = 0; i < directions; i++) {
    if (fits(w)) {
      const auto rows = static_cast<size_t>(w->dims[1]), columns = static_cast<size_t>(w->dims[2]);
      state.packed[i].w = packRows(c, *w, i * rows, rows, columns);
    }
    if (!fits(r)) continue;
    RecurrentLayer layer = state.layer;
    layer.hidden = static_cast<size_t>(r->dims[2]);
    const size_t rows = gates * layer.hidden, first = layer.firstRows();
    if (static_cast<size_t>(r->dims[1]) != rows) continue;
    state.packed[i].r = packRows(c, *r, i * rows, first, layer.hidden);
    if (first < rows) state.packed[i].rLast = packRows(c, *r, i * rows + first, rows - first, layer.hidden);
  }
}

template <RecurrentKind kind>
Status prepareRecurrent(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  auto& state = c.make<RecurrentState>();
  state.layer.kind = kind;
  state.layer.directions = c.text("direction") == "bidirectional" ? 2 : 1;
  state.layer.isBatchFirst = c.def().attribute("layout") && c.integer("layout") != 0;
  state.layer.inputForget = kind == RecurrentKind::lstm && c.integer("input_forget") != 0;
  state.layer.linearBeforeReset = kind == RecurrentKind::gru && c.integer("linear_before_reset") != 0;
  state.layer.clip = c.hasAttribute("clip") ? static_cast<float>(c.real("clip")) : 0;
  if (Status status = readActivations(c, state); !status.ok()) return status;
  packWeights(c, state);
  return Status::success();
}

Status checkShape(const RunContext& c, size_t input, const std::vector<int64_t>& wanted) {
  if (!c.has(input) || c.in(input).dims == wanted) return Status::success();
  std::string given, takes;
  for (const int64_t dim : c.in(input).dims) given += (given.empty() ? "" : ", ") + std::to_string(dim);
  for (const int64_t dim : wanted) takes += (takes.empty() ? "" : ", ") + std::to_string(dim);
  const NodeReader reader = c.reader();
  return Status::shape(reader.label() + ": " + reader.inputName(input) + " is [" + given + "]; it must be [" + takes +
                       "]");
}

Status checkInputs(const RunContext& c, const RecurrentLayer& layer) {
  const auto directions = static_cast<int64_t>(layer.directions), batch = static_cast<int64_t>(layer.batch),
             hidden = static_cast<int64_t>(layer.hidden), gates = static_cast<int64_t>(layer.gates());
  const std::vector<int64_t> state = layer.isBatchFirst ? std::vector<int64_t>{batch, directions, hidden}
                                                        : std::vector<int64_t>{directions, batch, hidden};
  const std::pair<size_t, std::vector<int64_t>> wanted[] = {
      {1, {directions, gates * hidden, static_cast<int64_t>(layer.input)}},
      {2, {directions, gates * hidden, hidden}},
      {3, {directions, 2 * gates * hidden}},
      {4, {batch}},
      {5, state},
      {6, state},
      {7, {directions, 3 * hidden}}};
  for (const auto& [input, dims] : wanted)
    if (Status status = checkShape(c, input, dims); !status.ok()) return status;
  return Status::success();
}

Status runRecurrent(RunContext& c) {
  const auto& state = c.state<RecurrentState>();
  RecurrentLayer layer = state.layer;
  const TensorView &x = c.in(0), &r = c.in(2);
  const NodeReader reader = c.reader();
  if (x.rank() != 3 || r.rank() != 3) return Status::shape(reader.label() + ": X and R must have three dimensions");
  layer.sequence = static_cast<size_t>(x.dims[layer.isBatchFirst ? 1 : 0]);
  layer.batch = static_cast<size_t>(x.dims[layer.isBatchFirst ? 0 : 1]);
  layer.input = static_cast<size_t>(x.dims[2]);
  layer.hidden = static_cast<size_t>(r.dims[2]);
  if (reader.hasAttribute("hidden_size") && reader.integer("hidden_size") != r.dims[2])
    return Status::shape(reader.label() + ": hidden_size is " + std::to_string(reader.integer("hidden_size")) +
                         "; R ends in " + std::to_string(r.dims[2]));
  if (Status status = checkInputs(c, layer); !status.ok()) return status;
  std::vector<size_t> lengths;
  for (size_t b = 0; c.has(4) && b < layer.batch; b++) {
    const int32_t length = c.in(4).as<int32_t>()[b];
    if (length < 0 || static_cast<size_t>(length) > layer.sequence)
      return Status::shape(reader.label() + ": a sequence has length " + std::to_string(length) + "; X has " +
                           std::to_string(layer.sequence) + " steps");
    lengths.push_back(static_cast<size_t>(length));
  }
  const size_t rows = layer.gates() * layer.hidden, first = layer.firstRows();
  const bool isReverse = reader.text("direction") == "reverse";
  const size_t stateStep = layer.isBatchFirst ? layer.hidden : layer.batch * layer.hidden;
  std::vector<Status> outcomes(layer.directions);
  const auto at = [&](size_t input, size_t offset) -> const UnalignedFloat* {
    return c.has(input) ? c.in(input).floats() + offset : nullptr;
  };
  const auto result = [&](size_t output, size_t offset) -> UnalignedFloat* {
    return c.wants(output) ? c.out(output).floats() + offset : nullptr;
  };
  c.execution->forEachPiece(layer.directions, [&](size_t i) {
    const PackedDirection& packed = state.packed[i];
    const RecurrentDirection direction{.direction = i,
                                       .isReverse = isReverse || i == 1,
                                       .activations = state.activations.data() + i * activationsEach,
                                       .x = x.floats(),
                                       .w = {at(1, i * rows * layer.input), packed.w.get()},
                                       .r = {at(2, i * rows * layer.hidden), packed.r.get()},
                                       .rLast = {at(2, (i * rows + first) * layer.hidden), packed.rLast.get()},
                                       .bias = at(3, i * 2 * rows),
                                       .peepholes = at(7, i * 3 * layer.hidden),
                                       .lengths = c.has(4) ? &lengths : nullptr,
                                       .initialH = at(5, i * stateStep),
                                       .initialC = at(6, i * stateStep),
                                       .y = result(0, i * stateStep),
                                       .yh = result(1, i * stateStep),
                                       .yc = result(2, i * stateStep)};
    outcomes[i] = runDirection(*c.execution, layer, direction);
  });
  for (Status& status : outcomes)
    if (!status.ok()) return std::move(status);
  return c.execution->outcome();
}

const OpRuns runs({
    {"LSTM", runRecurrent, prepareRecurrent<RecurrentKind::lstm>},
    {"GRU", runRecurrent, prepareRecurrent<RecurrentKind::gru>},
    {"RNN", runRecurrent, prepareRecurrent<RecurrentKind::rnn>},
});

}  // namespace
}  // namespace pare
