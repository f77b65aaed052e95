/** Reports: what was done to a model, as tables for people and as data for tools. */
export { historyTable, type HistoryRow, type HistoryTextOptions } from "./history.js";
export { Report, signalToNoise } from "./report.js";
export type {
  ActivationReport,
  ReportTextOptions,
  ReportTotals,
  SkippedReport,
  TensorReport,
  TensorReportInput,
} from "./report.js";
export { information, type Information } from "./information.js";
export { inspect, ModelSummary } from "./inspect.js";
export type { InspectOptions, ModelFacts, NodeSummary, OpSummary, ValueSummary, WeightSummary } from "./inspect.js";
