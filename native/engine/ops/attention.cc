// ONNX Runtime's fused transformer ops: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// input [batch, sequence, hidden], weights [hidden, 3 · hidden']: the queries', keys' and values' columns.
Status attention(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, 3, "batch, sequence, hidden"); !status.ok()) return status;
  if (Status status = c.needRank(1, 2, 2, "a matrix"); !status.ok()) return status;
  const Dims *x = c.dims(0), *weights = c.dims(1);
  if (!x || !weights) return Status::success();
  if (Status status = rules::needSize(c, 1, 0, (*x)[2], "the weights must have one row a hidden unit"); !status.ok())
    return status;
  const auto sizes = c.integers("qkv_hidden_sizes").value_or(std::vector<int64_t>());
  const Dim hidden = sizes.size() == 3 ? Dim(sizes[2]) : c.symbols().floorDivide((*weights)[1], 3);
  c.setDims(0, {(*x)[0], (*x)[1], hidden});
  const int64_t heads = c.integer("num_heads");
  if (heads < 1) return c.optionError("num_heads is " + std::to_string(heads) + "; it must be 1 or more");
  c.setDims(1, {2, (*x)[0], heads, c.fresh(), c.symbols().floorDivide(hidden, heads)});
  return Status::success();
}

// Queries [batch, sequence, hidden]; keys and values apart, or packed with the queries.
Status multiHeadAttention(ShapeContext& c) {
  const Dims *query = c.dims(0), *value = c.dims(2);
  if (!query) return Status::success();
  if (query->size() == 3 && value && value->size() == 3)
    c.setDims(0, {(*query)[0], (*query)[1], (*value)[2]});
  else if (query->size() == 3 && value && value->size() == 4)
    c.setDims(0, {(*query)[0], (*query)[1], c.symbols().multiply((*value)[1], (*value)[3])});
  else if (query->size() == 3 && !c.has(2))
    c.setDims(0, *query);
  else if (query->size() == 5)
    c.setDims(0, {(*query)[0], (*query)[1], c.symbols().multiply((*query)[2], (*query)[4])});
  else
    c.setRank(0, 3);
  for (size_t i = 1; i < c.outputCount() && i < 3; ++i) c.setRank(i, 4);
  return Status::success();
}

Status groupQueryAttention(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, 3, "batch, sequence, hidden"); !status.ok()) return status;
  const Dims* query = c.dims(0);
  if (!query) return Status::success();
  const int64_t heads = c.integer("num_heads"), pairs = c.integer("kv_num_heads");
  if (heads < 1 || pairs < 1 || heads > INT32_MAX || pairs > INT32_MAX)
    return c.optionError("num_heads and kv_num_heads must be 1 or more");
  SymbolTable& symbols = c.symbols();
  // Without keys the queries are packed with keys and values.
  const Dim head = symbols.floorDivide((*query)[2], c.has(1) ? heads : heads + 2 * pairs);
  c.setDims(0, {(*query)[0], (*query)[1], symbols.multiply(head, heads)});
  for (size_t i = 1; i < c.outputCount() && i < 3; ++i) c.setDims(i, {(*query)[0], pairs, c.fresh(), head});
  return Status::success();
}

// Token, position and segment embeddings, summed and normalized.
Status embedLayerNormalization(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, 2, "batch, sequence"); !status.ok()) return status;
  if (Status status = c.needRank(2, 2, 2, "tokens, hidden"); !status.ok()) return status;
  const Dims *ids = c.dims(0), *words = c.dims(2);
  if (ids && words) {
    const Dims result{(*ids)[0], (*ids)[1], (*words)[1]};
    c.setDims(0, result);
    c.setDims(2, result);
  }
  if (ids) c.setDims(1, {(*ids)[0]});
  return Status::success();
}

const OpRows rows({
    {.domain = microsoft,
     .name = "Attention",
     .inputs = {{"input", "T"},
                {"weights", "T"},
                {"bias", "T", optional},
                {"mask_index", i32, optional},
                {"past", "T", optional},
                {"attention_bias", "T", optional},
                {"past_sequence_length", i32, optional}},
     .outputs = {{"output", "T"}, {"present", "T", optional}},
     .attributes = {{"do_rotary", integer, 0},
                    {"mask_filter_value", real},
                    {"num_heads", integer, needed},
                    {"past_present_share_buffer", integer},
                    {"qkv_hidden_sizes", integerList},
                    {"rotary_embedding_dim", integer},
                    {"scale", real},
                    {"unidirectional", integer, 0}},
     .types = {{"T", floats}},
     .shape = attention},
    {.domain = microsoft,
     .name = "QAttention",
     .inputs = {{"input", "T1"},
                {"weight", "T2"},
                {"bias", "T3"},
                {"input_scale", "T3"},
                {"weight_scale", "T3"},
                {"mask_index", i32, optional},
                {"input_zero_point", "T1", optional},
                {"weight_zero_point", "T2", optional},
                {"past", "T3", optional}},
     .outputs = {{"output", "T3"}, {"present", "T3", optional}},
     .attributes = {{"do_rotary", integer, 0},
                    {"mask_filter_value", real},
                    {"num_heads", integer, needed},
                    {"past_present_share_buffer", integer},
                    {"scale", real},
                    {"unidirectional", integer, 0}},
     .types = {{"T1", bytes}, {"T2", bytes}, {"T3", floats}},
     .shape = attention},
    {.domain = microsoft,
     .name = "MultiHeadAttention",
     .inputs = {{"query", "T"},
                {"key", "T", optional},
                {"value", "T", optional},
                {"bias", "T", optional},
                {"key_padding_mask", i32, optional},
                {"attention_bias", "T", optional},
                {"past_key", "T", optional},
                {"past_value", "T", optional},
                {"past_sequence_length", i32, optional},
                {"cache_indirection", i32, optional}},
     .outputs =
         {{"output", "T"}, {"present_key", "T", optional}, {"present_value", "T", optional}, {"qk", "T", optional}},
     .attributes =
         {{"mask_filter_value", real}, {"num_heads", integer, needed}, {"scale", real}, {"unidirectional", integer, 0}},
     .types = {{"T", floats}},
     .shape = multiHeadAttention},
    {.domain = microsoft,
     .name = "GroupQueryAttention",
     .inputs = {{"query", "T"},
                {"key", "T", optional},
                {"value", "T", optional},
                {"past_key", "T", optional},
                {"past_value", "T", optional},
                {"seqlens_k", i32},
                {"total_sequence_length", i32},
                {"cos_cache", "T", optional},
                {"sin_cache", "T", optional},
                {"position_ids", i64, optional},
                {"attention_bias", "T", optional},
                {"head_sink", "T", optional}},
     .outputs = {{"output", "T"},
                 {"present_key", "T", optional},
                 {"present_value", "T", optional},
                 {"output_qk", "T", optional}},
     .attributes = {{"do_rotary", integer, 0},
                    {"kv_num_heads", integer, needed},
                    {"local_window_size", integer, -1},
                    {"num_heads", integer, needed},
                    {"rotary_interleaved", integer, 0},
                    {"scale", real},
                    {"softcap", real}},
     .types = {{"T", floats}},
     .shape = groupQueryAttention},
    {.domain = microsoft,
     .name = "RotaryEmbedding",
     .inputs = {{"input", "T"}, {"position_ids", i64}, {"cos_cache", "T"}, {"sin_cache", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"interleaved", integer, 0},
                    {"is_packed_batching", integer, 0},
                    {"num_heads", integer, 0},
                    {"rotary_embedding_dim", integer, 0},
                    {"scale", real, 1}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = rules::sameAsFirst},
    {.domain = microsoft,
     .name = "EmbedLayerNormalization",
     .inputs = {{"input_ids", i32},
                {"segment_ids", i32, optional},
                {"word_embedding", "T"},
                {"position_embedding", "T"},
                {"segment_embedding", "T", optional},
                {"gamma", "T"},
                {"beta", "T"},
                {"mask", i32, optional},
                {"position_ids", i32, optional}},
     .outputs = {{"output", "T"}, {"mask_index", i32, optional}, {"embedding_sum", "T", optional}},
     .attributes = {{"epsilon", real, 1e-12}, {"mask_index_type", integer, 0}},
     .types = {{"T", floats}},
     .shape = embedLayerNormalization},
});

}  // namespace
}  // namespace pare
