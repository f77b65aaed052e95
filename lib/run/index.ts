/** Running models: in pare's own engine, or in the optional onnxruntime-node. */
export { compile, InferenceSession } from "./session.js";
export type { Fetches, RunOptions } from "./session.js";
export type { CompileOptions, NodeStats, SessionStats, SharedSession } from "./plan.js";
export { PlanSummary, profile, type ProfileOptions } from "./profile.js";
export { listSupportedBackends } from "./backend.js";
export { compare, type CompareOptions } from "./compare.js";
export { Comparison, type ModelTiming, type OutputComparison } from "./comparison.js";
export { evaluate, type EvaluateOptions } from "./evaluate.js";
export { Evaluation, metrics, type ClassResult, type EvaluationTextOptions, type Metric } from "./evaluation.js";
export type { InputDescription } from "./inputs.js";
export { measure, Measurement, type MeasureOptions, type OutputSummary, type Times } from "./measure.js";
export type { Latency } from "./latency.js";
export { createOnnxRuntimeSession, type Runnable, type SessionOptions } from "./onnxruntime.js";
export { createSession, runModel, runtimeNames, type RuntimeName, type RuntimeOptions } from "./runtime.js";
