/** Running models: until pare's own engine stands, in the optional onnxruntime-node. */
export { compare, type CompareOptions } from "./compare.js";
export { Comparison, type ModelTiming, type OutputComparison } from "./comparison.js";
export type { InputDescription } from "./inputs.js";
export { createOnnxRuntimeSession, runModel, type Runnable, type SessionOptions } from "./onnxruntime.js";
