/** A model as it runs while it is trained: batch norm by the batch's own statistics, dropout that drops. */
import { PareError } from "../errors.js";
import { Build, type Graph, type Node } from "../model/index.js";
import { sourceOf } from "./parameters.js";

export interface TrainingMode {
  /** Running statistics: the value that each becomes after a step. */
  statistics: Map<string, string>;
}

/**
 * Rewrites a graph in place. `step` is the value that counts steps; batch norms whose scale `isTrained` refuses stay as they
 * are: they are frozen.
 */
export function enterTrainingMode(
  graph: Graph,
  step: string,
  seed: number,
  isTrained: (name: string) => boolean,
): TrainingMode {
  const statistics = new Map<string, string>();
  const build = new Build(graph, "training/");
  let dropouts = 0;
  for (const node of [...graph.nodes]) {
    if (node.domain !== "") continue;
    if (node.opType === "Dropout") dropout(graph, node, build, { step, seed, number: dropouts++ });
    if (node.opType === "BatchNormalization" && isTrained(node.inputs[1] ?? ""))
      batchNorm(graph, node, build, statistics);
  }
  graph.sort();
  return { statistics };
}

function dropout(
  graph: Graph,
  node: Node,
  build: Build,
  { step, seed, number }: { step: string; seed: number; number: number },
): void {
  const given = node.inputs[1] ?? "";
  const weight = given === "" ? undefined : graph.weight(given);
  if (given !== "" && !weight)
    throw new PareError("PARE_UNSUPPORTED", `${node.label}: its ratio is computed, which training does not follow.`);
  const ratio = weight?.toFloats()[0] ?? (node.attribute("ratio") as number | undefined) ?? 0.5;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (node.outputs.length > 1 && graph.consumers(node.outputs[1]!).length > 0)
    throw new PareError("PARE_UNSUPPORTED", `${node.label}: something reads its mask, which training does not give.`);
  if (ratio === 0) return;
  graph.removeNode(node);
  const mask = build.op("pare.DropoutMask", x, step, { ratio, seed, node: number });
  graph.addNode({ opType: "Mul", inputs: [x, mask], outputs: [y] });
}

function batchNorm(graph: Graph, node: Node, build: Build, statistics: Map<string, string>): void {
  const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string];
  const momentum = (node.attribute("momentum") as number | undefined) ?? 0.9;
  const epsilon = (node.attribute("epsilon") as number | undefined) ?? 1e-5;
  const [y] = node.outputs as [string];
  graph.removeNode(node);
  const saved = ["mean", "inverse", "variance"].map((base) => build.name(base));
  graph.addNode({
    opType: "BatchNormTraining",
    domain: "pare",
    name: node.name,
    inputs: [x, scale, bias],
    outputs: [y, ...saved],
    attributes: { epsilon },
  });
  if (graph.model.opset("pare") === undefined) graph.model.setOpset("pare", 1);
  const follow = (running: string, batch: string): void => {
    // A weight that was a Constant node has a node before it still.
    if (sourceOf(graph, running) === undefined) return;
    const old = build.op("Mul", running, build.number(momentum));
    statistics.set(running, build.op("Add", old, build.op("Mul", batch, build.number(1 - momentum))));
  };
  follow(mean, saved[0]!);
  follow(variance, saved[2]!);
}
