/** Static quantization: activations' ranges from the user's data, then a file that runtimes compute in integers. */
import type { Model } from "../../model/index.js";
import type { Report } from "../../report/index.js";
import type { Resolved } from "../options.js";
import type { WeightWork } from "../work.js";
import { calibrate } from "./calibration.js";
import { Parameters } from "./parameters.js";
import { declines, Plan } from "./plan.js";
import { giver, writeQdq } from "./qdq.js";
import { observedByOperators, writeOperators } from "./qoperator.js";
import type { Range } from "./thresholds.js";

/** Rewrites the model, whose opset suffices already; weights are filled when `work` runs. */
export async function quantizeStatic(
  model: Model,
  options: Resolved,
  work: WeightWork,
  report: Report,
): Promise<Parameters> {
  const original = model.clone();
  const plan = options.format === "qdq" ? new Plan(model, options, report) : undefined;
  const wanted = plan ? observedByPairs(plan) : observedByOperators(model, options);
  const inherits = inheritances(original, options, wanted);
  const observed = [...new Set([...wanted, ...inherits.values()])];
  const { ranges, batches, nonFinite } = await calibrate(original, observed, options.calibration!, {
    ...options,
    // A histogram of |x| is one of x folded.
    bins: options.method === "percentile" && options.calibrationSymmetric ? 2 * options.bins : options.bins,
    steps: 255,
    symmetric: options.calibrationSymmetric,
  });
  for (const [name, from] of inherits) ranges.set(name, ranges.get(from)!);
  boundSoftmax(original, options, ranges);
  for (const [name, count] of nonFinite)
    report.note(`${name} had ${count} values that are NaN or infinite on the calibration data; they were left out.`);
  report.note(`${observed.length} activations were observed on ${batches} ${batches === 1 ? "batch" : "batches"}.`);
  const parameters = new Parameters(model.graph, options, ranges, work);
  if (plan) writeQdq(plan, parameters);
  else writeOperators(model, options, parameters, report);
  return parameters;
}

function observedByPairs(plan: Plan): Set<string> {
  const givers = [...plan.tensors.keys()].map((name) => giver(plan.tensors, name));
  return new Set(givers.filter((name) => !plan.constant(name)));
}

/** Softmax gives values from 0 to 1, whatever was seen. */
function boundSoftmax(model: Model, options: Resolved, ranges: Map<string, Range>): void {
  for (const node of model.graph.nodes)
    if (node.opType === "Softmax" && declines(node, options) === undefined && ranges.has(node.outputs[0]!))
      ranges.set(node.outputs[0]!, { low: 0, high: 1 });
}

/** Values whose range is that of the Relu or Clip that alone reads them: what it cuts off need not be held. */
function inheritances(model: Model, options: Resolved, wanted: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const node of model.graph.nodes) {
    if (node.opType !== "Relu" && node.opType !== "Clip") continue;
    const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
    if (declines(node, options) === undefined && wanted.has(input) && model.graph.consumers(input).length === 1)
      found.set(input, output);
  }
  return found;
}
