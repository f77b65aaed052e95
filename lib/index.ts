/** pare's public face. */
export * from "onnxruntime-common";
export { kernels } from "./kernels/index.js";
export { PareError, type ErrorCode } from "./errors.js";
export type { LongCall, Progress } from "./progress.js";
export { Graph, load, loadSync, Model, Node, Weight } from "./model/index.js";
export type {
  AttributeKind,
  AttributeValue,
  CreateOptions,
  DataType,
  Dim,
  LoadOptions,
  NodeDescription,
  Place,
  SaveOptions,
  Value,
} from "./model/index.js";
export * from "./report/index.js";
export * from "./run/index.js";
// pare's own stands for onnxruntime-common's.
export { InferenceSession } from "./run/index.js";
export * from "./data/index.js";
export * from "./train/index.js";
export * from "./model/layers.js";
export * from "./quantize/index.js";
export * from "./prune/index.js";
export * from "./distill/index.js";
export * from "./transfer/index.js";
export type { NameFilter } from "./rewrite/names.js";
