// LSTM, GRU, RNN: X [sequence, batch, input] or, with layout 1, [batch, sequence, input].
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status recurrent(ShapeContext& c, int64_t gates) {
  if (Status status = c.needRank(0, 3, 3, "sequence, batch, input"); !status.ok()) return status;
  for (const size_t input : {1, 2})
    if (Status status = c.needRank(input, 3, 3, "directions, gates by hidden, …"); !status.ok()) return status;
  const std::string_view direction = c.text("direction");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return c.optionError("direction is " + std::string(direction) + "; it must be forward, reverse or bidirectional");
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const Dims *x = c.dims(0), *w = c.dims(1), *r = c.dims(2);
  Dim hidden = c.hasAttribute("hidden_size") ? Dim(c.integer("hidden_size")) : r ? (*r)[2] : c.fresh();
  SymbolTable& symbols = c.symbols();
  // ONNX Runtime's dynamically quantized LSTM holds both weights transposed.
  const size_t rows = c.def().domain[0] == '\0' ? 1 : 2;
  if (w) {
    if (Status status = rules::needSize(c, 1, 0, directions, "W must begin with the directions"); !status.ok())
      return status;
    if (Status status = rules::needSize(c, 1, rows, symbols.multiply(hidden, gates),
                                        "W must have " + std::to_string(gates) + " times the hidden size");
        !status.ok())
      return status;
    if (x)
      if (Status status = rules::needSize(c, 0, 2, (*w)[3 - rows], "X must end in W's input size"); !status.ok())
        return status;
  }
  const bool isBatchFirst = c.integer("layout") != 0;
  const Dim sequence = x ? (*x)[isBatchFirst ? 1 : 0] : c.fresh(), batch = x ? (*x)[isBatchFirst ? 0 : 1] : c.fresh();
  if (isBatchFirst)
    c.setDims(0, {batch, sequence, directions, hidden});
  else
    c.setDims(0, {sequence, directions, batch, hidden});
  for (size_t i = 1; i < c.outputCount(); ++i)
    c.setDims(i, isBatchFirst ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden});
  return Status::success();
}
Status lstm(ShapeContext& c) { return recurrent(c, 4); }
Status gru(ShapeContext& c) { return recurrent(c, 3); }
Status rnn(ShapeContext& c) { return recurrent(c, 1); }

const std::vector<AttributeDef> commonAttributes{{"activation_alpha", realList}, {"activation_beta", realList},
                                                 {"activations", textList},      {"clip", real},
                                                 {"direction", text, "forward"}, {"hidden_size", row::integer}};

OpDef recurrentOp(const char* name, int since, int until, ShapeFunction shape, std::vector<AttributeDef> more = {}) {
  more.insert(more.end(), commonAttributes.begin(), commonAttributes.end());
  if (since < 7) more.push_back({"output_sequence", row::integer, 0});
  if (since >= 14) more.push_back({"layout", row::integer, 0});
  OpDef def{.name = name,
            .since = since,
            .until = until,
            .inputs = {{"X", "T"},
                       {"W", "T"},
                       {"R", "T"},
                       {"B", "T", optional},
                       {"sequence_lens", i32, optional},
                       {"initial_h", "T", optional}},
            .outputs = {{"Y", "T", optional}, {"Y_h", "T", optional}},
            .attributes = std::move(more),
            .types = {{"T", floats}},
            .shape = shape};
  if (shape == lstm) {
    def.inputs.push_back({"initial_c", "T", optional});
    def.inputs.push_back({"P", "T", optional});
    def.outputs.push_back({"Y_c", "T", optional});
  }
  return def;
}

const AttributeDef inputForget{"input_forget", row::integer, 0}, beforeReset{"linear_before_reset", row::integer, 0};

OpDef dynamicQuantizeLstm() {
  OpDef def = recurrentOp("DynamicQuantizeLSTM", 1, 0, lstm, {inputForget});
  def.domain = microsoft;
  def.inputs[1].type = "T2";
  def.inputs[2].type = "T2";
  for (const char* name : {"W_scale", "W_zero_point", "R_scale", "R_zero_point"})
    def.inputs.push_back({name, std::string_view(name).ends_with("scale") ? ParameterType(f32) : ParameterType("T2")});
  def.types = {{"T", f32}, {"T2", bytes}};
  return def;
}

const OpRows rows({
    recurrentOp("LSTM", 1, 6, lstm, {inputForget}),
    recurrentOp("LSTM", 7, 13, lstm, {inputForget}),
    recurrentOp("LSTM", 14, 0, lstm, {inputForget}),
    recurrentOp("GRU", 3, 6, gru, {beforeReset}),
    recurrentOp("GRU", 7, 13, gru, {beforeReset}),
    recurrentOp("GRU", 14, 0, gru, {beforeReset}),
    recurrentOp("RNN", 1, 6, rnn),
    recurrentOp("RNN", 7, 13, rnn),
    recurrentOp("RNN", 14, 0, rnn),
    dynamicQuantizeLstm(),
});

}  // namespace
}  // namespace pare
