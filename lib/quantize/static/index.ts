/** Static quantization: activations' ranges from the user's data, then a file that runtimes compute in integers. */
import type { PareError } from "../../errors.js";
import type { Model } from "../../model/index.js";
import { formatPlural } from "../../report/format.js";
import type { Report } from "../../report/index.js";
import { tidy } from "../../rewrite/canonical.js";
import { evaluateConstants } from "../../run/session.js";
import type { Resolved } from "../options.js";
import type { WeightWork } from "../work.js";
import { Reference, type IntegerValue } from "./accuracy.js";
import { calibrate } from "./calibration.js";
import { Parameters } from "./parameters.js";
import { declines, Plan } from "./plan.js";
import { giver, writeQdq } from "./qdq.js";
import { writeOperators } from "./qoperator.js";
import { findFragile } from "./sensitivity.js";
import type { Range } from "./thresholds.js";

/** Batches that the choice of what stays float is made on. */
const mostBatches = 8;

/**
 * Rewrites the model, whose opset suffices already; its weights are filled when `work` runs.
 * @returns what is to be done once they are: measuring how near the answers are.
 */
export async function quantizeStatic(
  model: Model,
  options: Resolved,
  work: WeightWork,
  report: Report,
): Promise<() => Promise<void>> {
  if (options.tidy) tidy(model, evaluateConstants);
  const original = model.clone();
  const { minimumSnrDb, calibration, heldBack = calibration! } = options;
  const ranges = await observe(original, options, report);
  let chosen = options;
  let reference: Reference | undefined;
  if (minimumSnrDb !== undefined) {
    reference = await Reference.create(original, heldBack, mostBatches, options);
    const fragile = await findFragile(original, options, minimumSnrDb, reference, (some, itsWork, itsReport) => {
      const copy = original.clone();
      write(copy, { ...some, format: "qdq" }, ranges, itsWork, itsReport);
      return copy;
    });
    chosen = { ...options, fragile };
  }
  const integers = write(model, chosen, ranges, work, report);
  return async () => {
    try {
      reference ??= await Reference.create(original, heldBack, 1, options);
      report.activations.push(...(await reference.activations(model, integers)));
      const snrDb = await reference.outputsSnrDb(model);
      const { batches } = reference;
      report.note(
        `On ${formatPlural(batches, "batch", "batches")} the outputs are ${snrDb.toFixed(1)} dB from the float model's.`,
      );
    } catch (error) {
      // Native code throws plain errors with a code.
      const { code, message } = error as PareError;
      if (code !== "PARE_UNSUPPORTED") throw error;
      report.note(`How near the answers are was not measured: ${message}`);
    }
  };
}

/** Ranges of the activations that the chosen format may want. */
async function observe(model: Model, options: Resolved, report: Report): Promise<Map<string, Range>> {
  const wanted = wantedOf(model, options, report);
  const inherits = inheritances(model, options, wanted);
  const observed = [...new Set([...wanted, ...inherits.values()])];
  const { ranges, batches, nonFinite } = await calibrate(model, observed, options.calibration!, {
    ...options,
    // A histogram of |x| is one of x folded.
    bins: options.method === "percentile" && options.calibrationSymmetric ? 2 * options.bins : options.bins,
    steps: 255,
    symmetric: options.calibrationSymmetric,
  });
  for (const [name, from] of inherits) ranges.set(name, ranges.get(from)!);
  boundSoftmax(model, options, ranges);
  for (const [name, count] of nonFinite)
    report.note(`${name} had ${count} values that are NaN or infinite on the calibration data; they were left out.`);
  report.note(`${observed.length} activations were observed on ${formatPlural(batches, "batch", "batches")}.`);
  return ranges;
}

function wantedOf(model: Model, options: Resolved, report: Report): Set<string> {
  // Which nodes will stay float is not known yet: any activation may be wanted.
  if (options.format === "qoperator" || options.minimumSnrDb !== undefined) return floatsAround(model, options);
  const plan = new Plan(model.clone(), options, report);
  const givers = [...plan.tensors.keys()].map((name) => giver(plan.tensors, name));
  return new Set(givers.filter((name) => !plan.constant(name)));
}

/** Puts integers into the model. */
function write(
  model: Model,
  options: Resolved,
  ranges: ReadonlyMap<string, Range>,
  work: WeightWork,
  report: Report,
): ReadonlyMap<string, IntegerValue> {
  const parameters = new Parameters(model.graph, options, ranges, work);
  if (options.format === "qoperator") return writeOperators(model, options, parameters, report);
  return writeQdq(new Plan(model, options, report), parameters);
}

/** Float32 values that nodes read and make which may be quantized. */
function floatsAround(model: Model, options: Resolved): Set<string> {
  const types = model.inferShapes();
  const found = new Set<string>();
  for (const node of model.graph.nodes)
    if (declines(node, options) === undefined)
      for (const name of [...node.inputs, ...node.outputs])
        if (types.get(name)?.dtype === "float32" && !model.graph.weight(name)) found.add(name);
  return found;
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
