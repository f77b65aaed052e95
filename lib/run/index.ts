/** Running models: until pare's own engine stands, in the optional onnxruntime-node. */
export { createOnnxRuntimeSession, runModel, type Runnable, type SessionOptions } from "./onnxruntime.js";
