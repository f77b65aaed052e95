/** Attention from its exported pieces: com.microsoft's MultiHeadAttention. */
import type { Node } from "../../model/index.js";
import type { Fusion, Site } from "./site.js";

/** Softmax(Q·Kᵀ·scale + mask)·V, heads apart, with the reshapes and transposes around it. */
const attention: Fusion = {
  name: "attention",
  startsAt: ["Softmax"],
  fuse(softmax, site) {
    const rank = site.dims(softmax.inputs[0])?.length;
    const axis = (softmax.attribute("axis") as number | undefined) ?? -1;
    if (rank !== 4 || (axis !== -1 && axis !== 3) || !site.isFloat32(softmax.inputs[0])) return false;
    const weighted = site.reader(softmax.outputs[0], "MatMul");
    if (!weighted || weighted.inputs[0] !== softmax.outputs[0]) return false;
    const turned = site.reader(weighted.outputs[0], "Transpose");
    const joined = turned && site.reader(turned.outputs[0], "Reshape");
    if (!turned || !joined || !permutes(turned, 0, 2, 1, 3)) return false;

    // From the softmax upward: the mask, the scale, the product.
    const nodes: Node[] = [];
    let mask = "";
    let at = site.producer(softmax.inputs[0], "Add", "Mul", "Div", "MatMul");
    if (at && !site.isOwn(softmax.inputs[0]!, softmax)) return false;
    if (at?.opType === "Add") {
      const sides = at.inputs.map((name) => site.producer(name, "Mul", "Div", "MatMul"));
      const scores = sides.findIndex((one) => one !== undefined && isScores(site, one));
      if (scores < 0 || !site.isOwn(at.inputs[scores]!, at)) return false;
      mask = at.inputs[1 - scores]!;
      nodes.push(at);
      at = sides[scores];
    }
    let scale = 1;
    if (at?.opType === "Mul" || at?.opType === "Div") {
      const sides = at.inputs.map((name) => site.number(name));
      const index = sides.findIndex((one) => one !== undefined);
      if (index < 0 || (at.opType === "Div" && index !== 1)) return false;
      scale = at.opType === "Div" ? 1 / sides[index]! : sides[index]!;
      nodes.push(at);
      const name = at.inputs[1 - index]!;
      const product = site.producer(name, "MatMul");
      if (!product || !site.isOwn(name, at)) return false;
      at = product;
    }
    if (at?.opType !== "MatMul") return false;
    nodes.push(at);
    const query = apart(site, at, 0, [0, 2, 1, 3]);
    const key = apart(site, at, 1, [0, 2, 3, 1]);
    const value = apart(site, weighted, 1, [0, 2, 1, 3]);
    if (!query || !key || !value) return "queries, keys and values do not come apart by Reshape and Transpose";
    const heads = query.heads;
    if (key.heads !== heads || value.heads !== heads) return "the numbers of heads differ";
    const result = site.dims(joined.outputs[0]);
    if (result?.length !== 3) return "the heads are not joined again";
    if (mask !== "" && site.dims(mask)?.length !== 4) return "the mask has no four dimensions";
    const scores = site.dims(at.outputs[0]);
    if (
      mask !== "" &&
      !site.dims(mask)!.every((dim, axis) => dim === 1 || (dim !== undefined && dim === scores?.[axis]))
    )
      return "the mask is broader than the scores";
    const inputs = [query.name, key.name, value.name, "", "", mask];
    while (inputs.at(-1) === "") inputs.pop();
    const scales = query.scale * key.scale * scale;
    site.replace([...nodes, softmax, weighted, turned, joined], joined, {
      domain: "com.microsoft",
      opType: "MultiHeadAttention",
      inputs,
      outputs: [joined.outputs[0]!],
      attributes: { num_heads: heads, scale: scales },
    });
    return true;
  },
};

function permutes(node: Node, ...order: readonly number[]): boolean {
  const given = node.attribute("perm") as readonly number[] | undefined;
  return given?.length === order.length && order.every((axis, i) => given[i] === axis);
}

function isScores(site: Site, node: Node): boolean {
  if (node.opType === "MatMul") return true;
  return (
    node.inputs.some((name) => site.producer(name, "MatMul") !== undefined) &&
    node.inputs.some((name) => site.number(name) !== undefined)
  );
}

interface Heads {
  /** [batch, sequence, hidden]. */
  name: string;
  heads: number;
  scale: number;
}

/** The value of which a product's input is made: Reshape to heads, then Transpose, each with a factor perhaps. */
function apart(site: Site, reader: Node, input: number, order: readonly number[]): Heads | undefined {
  let scale = 1;
  let name = reader.inputs[input]!;
  const unscaled = (): void => {
    const factor = site.producer(name, "Mul", "Div");
    if (!factor) return;
    const index = factor.inputs.findIndex((one) => site.number(one) !== undefined);
    if (index < 0 || (factor.opType === "Div" && index !== 1)) return;
    const number = site.number(factor.inputs[index])!;
    if (!site.haveSameRank(factor.inputs[1 - index], factor.outputs[0])) return;
    scale *= factor.opType === "Div" ? 1 / number : number;
    name = factor.inputs[1 - index]!;
  };
  unscaled();
  const turn = site.producer(name, "Transpose");
  if (!turn) return undefined;
  name = turn.inputs[0]!;
  let split: Node | undefined;
  if (permutes(turn, ...order)) {
    unscaled();
    split = site.producer(name, "Reshape");
  } else if (order[2] === 3 && permutes(turn, 0, 1, 3, 2)) {
    // Keys that are turned twice.
    const first = site.producer(name, "Transpose");
    if (!first || !permutes(first, 0, 2, 1, 3)) return undefined;
    split = site.producer(first.inputs[0], "Reshape");
  }
  if (!split) return undefined;
  const [whole, parts] = [site.dims(split.inputs[0]), site.dims(split.outputs[0])];
  const heads = parts?.[2];
  const size = parts?.[3];
  if (whole?.length !== 3 || parts?.length !== 4 || typeof heads !== "number" || typeof size !== "number")
    return undefined;
  if (whole[2] !== heads * size || whole[0] !== parts[0] || whole[1] !== parts[1]) return undefined;
  name = split.inputs[0]!;
  unscaled();
  return { name, heads, scale };
}

export const attentions: readonly Fusion[] = [attention];
