/** Raising the version of ONNX's operators that a model uses, node by node, so that it computes what it did. */
import { binding } from "../binding.js";
import type { Operator } from "../binding-types.js";
import { PareError } from "../errors.js";
import type { Model } from "./model.js";
import type { Node } from "./node.js";
import { adapters, type Adapter, type UpgradeContext } from "./opset-adapters.js";
import type { Shapes } from "./shapes.js";

/** The versions of ONNX's own operators that pare upgrades from and to. */
export const oldestOpset = 6;
export const newestOpset = 21;

/** The first version of the file format that each opset may stand in (onnx/docs/Versioning.md). */
const irVersions: [opset: number, irVersion: number][] = [
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
];

/** Of each version, by the operators that changed in it. */
const adaptersOf = new Map<number, Map<string, Adapter>>();
for (const adapter of adapters) {
  const changes = adaptersOf.get(adapter.version) ?? new Map<string, Adapter>();
  for (const op of adapter.ops) changes.set(op, adapter);
  adaptersOf.set(adapter.version, changes);
}
/** Of ONNX's own operators that were asked for. */
const rows = new Map<string, Operator[]>();

/** See Model.upgradeOpset. */
export function upgradeOpset(model: Model, version: number): void {
  if (!Number.isInteger(version) || version > newestOpset)
    throw new PareError(
      "PARE_OPTION",
      `the opset must be an integer up to ${newestOpset}, the newest that pare knows; got ${version}.`,
    );
  const now = model.opset() ?? 1;
  if (version === now) return;
  if (version < now)
    throw new PareError("PARE_OPTION", `the model is at opset ${now}; it cannot go back to ${version}.`);
  if (now < oldestOpset)
    throw new PareError("PARE_UNSUPPORTED", `the model is at opset ${now}; pare reads ${oldestOpset} and later.`);
  let types: Shapes | undefined;
  const context: UpgradeContext = { types: () => types };
  const nodes = [...model.graph.walk()].flatMap((graph) => graph.nodes).filter(({ domain }) => domain === "");
  const ways = new Map([...new Set(nodes.map(({ opType }) => opType))].map((op) => [op, wayOf(op, now, version)]));
  // What cannot be inferred, an adapter does without or refuses.
  try {
    types = model.inferShapes();
  } catch {
    types = undefined;
  }
  const refusals = nodes.flatMap((node) => refusal(node, ways.get(node.opType)!, context) ?? []);
  if (refusals.length > 0) {
    const listed = refusals.slice(0, 8).join("; ");
    const more = refusals.length > 8 ? `; and ${refusals.length - 8} more` : "";
    throw new PareError(
      "PARE_UNSUPPORTED",
      `opset ${now} cannot become ${version}: ${refusals.length === 1 ? "a node cannot" : `${refusals.length} nodes cannot`} follow. ${listed}${more}.`,
    );
  }
  // Initializers that had to be listed as inputs, as all were once, must not become inputs now.
  model.raiseIrVersion(irVersions.find(([opset]) => opset <= version)?.[1] ?? 4);
  for (let step = now + 1; step <= version; step++) {
    const changes = adaptersOf.get(step);
    if (!changes) continue;
    // Adapters may have added nodes.
    for (const graph of [...model.graph.walk()])
      for (const node of [...graph.nodes]) {
        const adapter = node.domain === "" ? changes.get(node.opType) : undefined;
        adapter?.adapt?.(node, context);
        if (adapter?.becomes !== undefined) graph.setOpType(node, adapter.becomes);
      }
  }
  model.setOpset("", version);
}

/** How an operator goes from one version to another: by these adapters, and perhaps not to the end. */
interface Way {
  adapters: Adapter[];
  /** Why no node of the operator can follow, if none can. */
  end?: string;
}

function wayOf(op: string, from: number, to: number): Way {
  if (!rowOf(op, from)) return { adapters: [], end: " is unknown, and so is what changed in it" };
  const adapters: Adapter[] = [];
  let opType = op;
  for (let step = from + 1; step <= to; step++) {
    const adapter = adaptersOf.get(step)?.get(opType);
    if (adapter) adapters.push(adapter);
    opType = adapter?.becomes ?? opType;
    const [before, after] = [rowOf(opType, step - 1), rowOf(opType, step)];
    if (!after) return { adapters, end: `: there is no ${opType} from opset ${step} on` };
    if (!adapter && before && before !== after && !contains(after, before))
      return { adapters, end: `: ${opType} changed in opset ${step}` };
  }
  return { adapters };
}

/** Why a node cannot go its operator's way, in words that name it. */
function refusal(node: Node, { adapters, end }: Way, context: UpgradeContext): string | undefined {
  for (const adapter of adapters) {
    const reason = adapter.refuse?.(node, context);
    if (reason !== undefined) return `${node.label}: ${reason}`;
  }
  return end && `${node.label}${end}`;
}

function rowOf(name: string, version: number): Operator | undefined {
  let found = rows.get(name);
  if (!found) rows.set(name, (found = binding.operators(name).filter(({ domain }) => domain === "")));
  return found.find(({ since, until }) => since <= version && version <= (until ?? Infinity));
}

/** Whether a newer row means by everything that an older one has what that meant: it only adds what may be left out. */
function contains(newer: Operator, older: Operator): boolean {
  const begins = (a: Operator["inputs"], b: Operator["inputs"]): boolean =>
    b.every(({ name }, i) => a[i]?.name === name) && a.slice(b.length).every(({ arity }) => arity === "optional");
  const keeps = older.attributes.every((one) => {
    const same = newer.attributes.find(({ name }) => name === one.name);
    return same?.kind === one.kind && String(same.default) === String(one.default);
  });
  const adds = newer.attributes.every(
    (one) => !one.required || older.attributes.some(({ name, required }) => name === one.name && required),
  );
  return keeps && adds && begins(newer.inputs, older.inputs) && begins(newer.outputs, older.outputs);
}
