/** Gradients as a rewrite: nodes that compute them are added to the graph, one small function an operator. */
import { PareError } from "../../errors.js";
import type { Graph, Model, Node } from "../../model/index.js";
import { elementwise } from "./elementwise.js";
import { GradientBuild, type Rule } from "./gradient.js";
import { products } from "./products.js";
import { moving } from "./shape.js";

export { GradientBuild, type Gradient, type Rule } from "./gradient.js";

/** By "domain.Name", ONNX's own domain without one. */
export const gradientRules: Readonly<Record<string, Rule>> = { ...elementwise, ...moving, ...products };

/** The operator set that backward nodes are written in. */
export const gradientOpset = 18;

export interface GradientOptions {
  /** Name of the value whose gradients are taken: one number. */
  loss: string;
  /** Names of the values, weights or inputs, whose gradients are wanted. */
  wrt: readonly string[];
}

/**
 * A model that gives, beside its outputs, the gradient of `loss` by each value of `wrt` as "gradient/NAME". The given model stays as
 * it is. Weights that `wrt` names must be initializers.
 * @throws PareError PARE_UNSUPPORTED where an operator on the way has no gradient, by its node; PARE_OPTION for names that
 * are not there or on which the loss does not depend.
 */
export function gradients(model: Model, { loss, wrt }: GradientOptions): Model {
  const result = model.clone();
  if ((result.opset() ?? 0) < gradientOpset) result.upgradeOpset(gradientOpset);
  const { graph } = result;
  for (const [name, gradient] of addGradients(graph, loss, wrt)) {
    const output = result.uniqueName(`gradient/${name}`);
    graph.addNode({ opType: "Identity", inputs: [gradient], outputs: [output] });
    graph.addOutput(output, "float32", result.inferShapes().get(name)?.dims);
  }
  return result;
}

/** Adds the backward nodes to a graph of opset 18 or newer; returns each wanted gradient's name. */
export function addGradients(graph: Graph, loss: string, wrt: readonly string[]): Map<string, string> {
  const shapes = graph.model.inferShapes();
  for (const name of [loss, ...wrt])
    if (!graph.defines(name)) throw new PareError("PARE_OPTION", `the model has no value "${name}".`);
  const dims = shapes.get(loss)?.dims;
  if (!dims?.every((dim) => dim === 1))
    throw new PareError("PARE_SHAPE", `the loss "${loss}" must be one number; it is [${dims?.join(", ") ?? "?"}].`);
  const forward = [...graph.nodes];
  const active = activeValues(forward, new Set(wrt), loss);
  const build = new GradientBuild(graph, shapes, active);
  const collected = new Map<string, string[]>([[loss, [build.number(1)]]]);
  if (dims.length > 0) collected.set(loss, [build.op("Reshape", build.number(1), build.integers(dims))]);
  /** The sum of what has come together. */
  const total = (name: string): string | undefined => {
    const parts = collected.get(name);
    if (!parts) return undefined;
    const sum = parts.reduce((left, right) => build.op("Add", left, right));
    collected.set(name, [sum]);
    return sum;
  };
  for (const node of forward.reverse()) {
    if (!node.outputs.some((name) => active.has(name) && collected.has(name))) continue;
    if (!node.inputs.some((name) => active.has(name))) continue;
    const rule = ruleOf(node);
    const outputs = node.outputs.map((name) => (name === "" ? undefined : total(name)));
    rule.gradient(node, outputs, build).forEach((gradient, i) => {
      const input = node.inputs[i] ?? "";
      if (gradient === undefined || !active.has(input)) return;
      const whole = undoBroadcast(rule, node, i, gradient, build);
      collected.set(input, [...(collected.get(input) ?? []), whole]);
    });
  }
  return new Map(
    wrt.map((name) => {
      const gradient = total(name);
      if (gradient === undefined)
        throw new PareError("PARE_OPTION", `the loss "${loss}" does not depend on "${name}" by a gradient.`);
      return [name, gradient];
    }),
  );
}

function undoBroadcast(rule: Rule, node: Node, input: number, gradient: string, build: GradientBuild): string {
  const name = node.inputs[input]!;
  const output = build.dims(node.outputs[0]!);
  if (rule.broadcasting === "elements") return build.unbroadcast(gradient, output, name);
  const own = build.dims(name);
  const other = build.dims(node.inputs[1 - input] ?? name);
  if (rule.broadcasting === "none" || own.length < 2 || other.length < 2) return gradient;
  // One matrix on the right has been multiplied with all batches at once.
  if (build.dims(node.inputs[1]!).length === 2) return gradient;
  return build.unbroadcast(gradient, [...output.slice(0, -2), ...own.slice(-2)], name);
}

function ruleOf(node: Node): Rule {
  const name = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
  const rule = gradientRules[name];
  if (rule) return rule;
  throw new PareError(
    "PARE_UNSUPPORTED",
    `${name} has no gradient yet; node ${node.label} lies between the loss and what is trained.`,
  );
}

/** Values that depend on one of `wrt` and on which the loss depends. */
function activeValues(nodes: readonly Node[], wrt: ReadonlySet<string>, loss: string): Set<string> {
  const after = new Set(wrt);
  for (const node of nodes)
    if (node.inputs.some((name) => after.has(name))) for (const name of node.outputs) if (name !== "") after.add(name);
  const before = new Set([loss]);
  for (const node of [...nodes].reverse())
    if (node.outputs.some((name) => before.has(name)))
      for (const name of node.inputs) if (name !== "") before.add(name);
  return new Set([...after].filter((name) => before.has(name)));
}
