/** A new head: layers in the place of a model's last one. */
import { PareError } from "../errors.js";
import { Build, type Graph, type Model, type Node } from "../model/index.js";
import { sequential, type Layer } from "../model/layers.js";

export interface Headed {
  /** A copy of the model with the head. */
  model: Model;
  /** The head as a model of its own, whose weights have the names that they have in the other one. */
  head: Model;
  /** The value that the head takes. */
  feature: string;
  /** Names of the head's weights. */
  added: string[];
}

const withWeights = new Set(["Gemm", "MatMul", "Conv"]);

/**
 * Puts layers where `feature` is read from, default: in place of the last layer with weights and of what comes after it.
 * @throws PareError PARE_OPTION where there is no such value or layer, PARE_SHAPE where its dimensions are not known
 */
export function replaceHead(
  source: Model,
  layers: readonly Layer[],
  { feature: given, seed = 0 }: { feature?: string | undefined; seed?: number | undefined },
): Headed {
  const model = source.clone();
  const { graph } = model;
  if (given !== undefined && !graph.defines(given))
    throw new PareError("PARE_OPTION", `the model has no value "${given}" for the head to take.`);
  const feature = given ?? lastFeature(graph);
  const [batch, ...dims] = model.inferShapes().get(feature)?.dims ?? ["?", "?"];
  if (!dims.every((dim) => typeof dim === "number"))
    throw new PareError("PARE_SHAPE", `the dimensions of "${feature}" behind the batch must be known, for a new head.`);
  // The new layers as a model of their own first, whose nodes and weights are then copied.
  const head = sequential(layers, {
    input: dims,
    seed,
    inputName: "feature",
    outputName: "result",
    opset: model.opset() ?? 17,
  });
  graph.proto.output = [];
  const build = new Build(graph, "head/");
  const names = new Map<string, string>([["feature", feature]]);
  const added: string[] = [];
  for (const [name, weight] of [...head.graph.weights()]) {
    const fresh = build.weight(name, weight);
    head.graph.rename(name, fresh);
    names.set(fresh, fresh);
    added.push(fresh);
  }
  const renamed = (name: string): string => {
    if (name === "") return "";
    let fresh = names.get(name);
    if (fresh === undefined) names.set(name, (fresh = build.name(name)));
    return fresh;
  };
  for (const node of head.graph.nodes)
    graph.addNode({
      opType: node.opType,
      domain: node.domain,
      name: `head/${node.name}`,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
      attributes: node.attributes,
    });
  const result = renamed("result");
  graph.addOutput(result, "float32", [batch, ...(head.graph.outputs[0]!.dims ?? []).slice(1)]);
  graph.removeUnused();
  return { model, head, feature, added };
}

/** What the last layer with weights reads. */
function lastFeature(graph: Graph): string {
  const [output] = graph.outputs;
  if (graph.outputs.length !== 1 || !output)
    throw new PareError(
      "PARE_UNSUPPORTED",
      "a head can be replaced in models of one output; in others name the feature that it takes.",
    );
  const last = lastWithWeights(graph, output.name);
  if (!last) throw new PareError("PARE_OPTION", "there is no Gemm, MatMul or Conv with weights before the output.");
  return last.inputs[0]!;
}

/** Backwards from a value along first inputs. */
function lastWithWeights(graph: Graph, from: string): Node | undefined {
  for (let node = graph.producer(from); node;) {
    if (withWeights.has(node.opType) && node.inputs.slice(1).some((name) => hasWeight(graph, name))) return node;
    const next = node.inputs.find((name) => name !== "" && !graph.weight(name));
    node = next === undefined ? undefined : graph.producer(next);
  }
  return undefined;
}

/** Whether a weight stands behind a name, turned or not. */
function hasWeight(graph: Graph, name: string): boolean {
  if (name === "") return false;
  if (graph.weight(name)) return true;
  const node = graph.producer(name);
  return node?.opType === "Transpose" && hasWeight(graph, node.inputs[0] ?? "");
}
