/** ONNX Runtime's fused transformer ops. */
import { testErrors, testShapes, type Case } from "./infer.js";

const domain = "com.microsoft";
const groups = { num_heads: 4, kv_num_heads: 2 };
const lengths = ["int32[B, 1]", "int32[]"];
testShapes({
  Attention: {
    opType: "Attention",
    domain,
    inputs: ["float32[B, S, 8]", "float32[8, 24]", "float32[24]"],
    attributes: { num_heads: 2 },
    outputs: ["float32[B, S, 8]", "float32[2, B, 2, ?, 4]"],
  },
  MultiHeadAttention: {
    opType: "MultiHeadAttention",
    domain,
    inputs: ["float32[B, S, 8]", "float32[B, T, 8]", "float32[B, T, 12]"],
    attributes: { num_heads: 2 },
    outputs: ["float32[B, S, 12]"],
  },
  "keys and values apart": {
    opType: "GroupQueryAttention",
    domain,
    inputs: ["float32[B, S, 32]", "float32[B, S, 16]", "float32[B, S, 16]", null, null, ...lengths],
    attributes: groups,
    outputs: ["float32[B, S, 32]", "float32[B, 2, ?, 8]", "float32[B, 2, ?, 8]"],
  },
  "keys and values packed": {
    opType: "GroupQueryAttention",
    domain,
    inputs: ["float32[B, S, 64]", null, null, null, null, ...lengths],
    attributes: groups,
    outputs: ["float32[B, S, 32]"],
  },
  RotaryEmbedding: {
    opType: "RotaryEmbedding",
    domain,
    inputs: ["float32[B, S, 8]", "int64[B, S]", "float32[512, 4]", "float32[512, 4]"],
    outputs: ["float32[B, S, 8]"],
  },
  EmbedLayerNormalization: {
    opType: "EmbedLayerNormalization",
    domain,
    inputs: ["int32[B, S]", null, "float32[100, 8]", "float32[512, 8]", null, "float32[8]", "float32[8]"],
    outputs: ["float32[B, S, 8]", "int32[B]"],
  },
} satisfies Record<string, Case>);
testErrors({
  "weights of another size": {
    opType: "Attention",
    domain,
    inputs: ["float32[B, S, 8]", "float32[9, 24]"],
    attributes: { num_heads: 2 },
    code: "PARE_SHAPE",
    message: /one row a hidden unit \(8, got 9\)/,
  },
});
