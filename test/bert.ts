/** A small BERT with random weights and a tokenizer of a few words, as the folder that transformers.js opens. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Model, Weight } from "../lib/index.js";
import { floats } from "./onnxruntime.js";

export interface BertShape {
  layers: number;
  width: number;
  heads: number;
  hidden: number;
  /** Tokens at most. */
  length: number;
}

export const vocabulary = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "the",
  "cat",
  "dog",
  "sat",
  "on",
  "mat",
  "##s",
];

/** input_ids, attention_mask, token_type_ids [batch, sequence] → last_hidden_state [batch, sequence, width]. */
export function bert({ layers, width, heads, hidden, length }: BertShape): Model {
  const model = Model.create({ opset: 17, irVersion: 8 });
  const { graph } = model;
  for (const name of ["input_ids", "attention_mask", "token_type_ids"])
    graph.addInput(name, "int64", ["batch", "sequence"]);
  graph.addOutput("last_hidden_state", "float32", ["batch", "sequence", width]);

  let count = 0;
  const weight = (...dims: number[]): string => {
    const values = floats(
      dims.reduce((a, b) => a * b, 1),
      ++count,
    );
    const scale = 1 / Math.sqrt(dims[0]!);
    return graph.addWeight(
      `w${count}`,
      Weight.of("float32", dims, dims.length > 1 ? values.map((x) => x * scale) : values),
    );
  };
  const constant = (dtype: "float32" | "int64", dims: number[], values: number[]): string =>
    graph.addWeight(`c${++count}`, Weight.of(dtype, dims, values));
  const node = (
    opType: string,
    inputs: string[],
    attributes: Record<string, number | string | number[]> = {},
    output = `t${++count}`,
  ): string => {
    graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  };
  const dense = (x: string, from: number, to: number): string =>
    node("Add", [node("MatMul", [x, weight(from, to)]), weight(to)]);
  const norm = (x: string, output?: string): string =>
    node("LayerNormalization", [x, weight(width), weight(width)], { axis: -1, epsilon: 1e-12 }, output);

  const axis0 = constant("int64", [1], [0]);
  const sequence = node("Gather", [node("Shape", ["input_ids"]), constant("int64", [1], [1])], { axis: 0 });
  const positions = node("Slice", [weight(length, width), axis0, sequence, axis0]);
  const words = node("Gather", [weight(vocabulary.length, width), "input_ids"], { axis: 0 });
  const segments = node("Gather", [weight(2, width), "token_type_ids"], { axis: 0 });
  let x = norm(node("Add", [node("Add", [words, segments]), positions]));

  const mask = node("Cast", [node("Unsqueeze", ["attention_mask", constant("int64", [2], [1, 2])])], { to: 1 });
  const hiding = node("Mul", [node("Sub", [constant("float32", [], [1]), mask]), constant("float32", [], [-1e4])]);
  const split = constant("int64", [4], [0, 0, heads, width / heads]);
  const join = constant("int64", [3], [0, 0, width]);
  const scale = constant("float32", [], [1 / Math.sqrt(width / heads)]);
  for (let layer = 0; layer < layers; layer++) {
    const headsOf = (perm: number[]): string =>
      node("Transpose", [node("Reshape", [dense(x, width, width), split])], { perm });
    const scores = node("MatMul", [headsOf([0, 2, 1, 3]), headsOf([0, 2, 3, 1])]);
    const attention = node("Softmax", [node("Add", [node("Mul", [scores, scale]), hiding])], { axis: -1 });
    const mixed = node("Transpose", [node("MatMul", [attention, headsOf([0, 2, 1, 3])])], { perm: [0, 2, 1, 3] });
    const y = norm(node("Add", [x, dense(node("Reshape", [mixed, join]), width, width)]));
    const wide = dense(y, width, hidden);
    const erf = node("Erf", [node("Div", [wide, constant("float32", [], [Math.SQRT2])])]);
    const half = node("Mul", [wide, constant("float32", [], [0.5])]);
    const gelu = node("Mul", [half, node("Add", [erf, constant("float32", [], [1])])]);
    const sum = node("Add", [y, dense(gelu, hidden, width)]);
    x = norm(sum, layer === layers - 1 ? "last_hidden_state" : undefined);
  }
  return model;
}

/** Writes config.json, tokenizer.json, tokenizer_config.json and onnx/model.onnx. */
export function writeBert(folder: string, shape: BertShape): Model {
  mkdirSync(join(folder, "onnx"), { recursive: true });
  const model = bert(shape);
  writeFileSync(join(folder, "onnx", "model.onnx"), model.toBytes());
  const write = (name: string, content: unknown): void => {
    writeFileSync(join(folder, name), JSON.stringify(content));
  };
  write("config.json", {
    model_type: "bert",
    architectures: ["BertModel"],
    hidden_size: shape.width,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.hidden,
    max_position_embeddings: shape.length,
    vocab_size: vocabulary.length,
  });
  write("tokenizer_config.json", {
    tokenizer_class: "BertTokenizer",
    model_max_length: shape.length,
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
    mask_token: "[MASK]",
  });
  const special = (name: string): unknown => ({ SpecialToken: { id: name, type_id: 0 } });
  const sequence = { Sequence: { id: "A", type_id: 0 } };
  write("tokenizer.json", {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: vocabulary.slice(0, 5).map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), sequence, special("[SEP]")],
      pair: [special("[CLS]"), sequence, special("[SEP]"), { Sequence: { id: "B", type_id: 1 } }, special("[SEP]")],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
      },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  });
  return model;
}
