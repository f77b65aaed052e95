/** Activations that exporters write out: GELU, SiLU, HardSwish. */
import type { Node } from "../../model/index.js";
import type { Fusion, Site } from "./site.js";

const microsoft = "com.microsoft";

/** x·½·(1 + erf(x/√2)), with the half at any place. */
const gelu: Fusion = {
  name: "gelu",
  startsAt: ["Erf"],
  fuse(erf, site) {
    const scaled = site.producer(erf.inputs[0], "Div", "Mul");
    if (!scaled || !site.isOwn(erf.inputs[0]!, erf)) return false;
    const x =
      scaled.opType === "Div"
        ? site.isNumber(scaled.inputs[1], Math.SQRT2, 1e-3)
          ? scaled.inputs[0]
          : undefined
        : site.besideNumber(scaled, Math.SQRT1_2, 1e-3);
    const added = site.reader(erf.outputs[0], "Add");
    if (x === undefined || !added || site.besideNumber(added, 1) === undefined) return false;
    return multiplied(site, x, added, [scaled, erf, added], "Gelu");
  },
};

/** x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
const geluTanh: Fusion = {
  name: "gelu-tanh",
  startsAt: ["Tanh"],
  fuse(tanh, site) {
    const scaled = site.producer(tanh.inputs[0], "Mul");
    const sum = scaled && site.producer(site.besideNumber(scaled, Math.sqrt(2 / Math.PI), 1e-3), "Add");
    const added = site.reader(tanh.outputs[0], "Add");
    if (!sum || !added || site.besideNumber(added, 1) === undefined) return false;
    for (const x of sum.inputs) {
      const cubic = site.producer(site.other(sum, x), "Mul");
      const cube = cubic && site.besideNumber(cubic, 0.044715, 1e-3);
      if (cube === undefined || !isCube(site, cube, x)) continue;
      return multiplied(site, x, added, [scaled, tanh, added], "FastGelu");
    }
    return false;
  },
};

function isCube(site: Site, name: string, x: string): boolean {
  const power = site.producer(name, "Pow", "Mul");
  if (!power) return false;
  if (power.opType === "Pow") return power.inputs[0] === x && site.isNumber(power.inputs[1], 3);
  const square = site.producer(site.other(power, x), "Mul", "Pow");
  if (square?.inputs[0] !== x) return false;
  return square.opType === "Mul" ? square.inputs[1] === x : site.isNumber(square.inputs[1], 2);
}

/** The end of both: `added` times x times a half, in any order. */
function multiplied(site: Site, x: string, added: Node, nodes: readonly Node[], opType: string): boolean {
  const first = site.reader(added.outputs[0], "Mul");
  if (!first || !site.isFloat32(x)) return false;
  const beside = site.other(first, added.outputs[0]!);
  const fuse = (last: Node, more: readonly Node[]): boolean => {
    if (!site.haveSameRank(x, last.outputs[0])) return false;
    // What leads to the start may have other readers; unused nodes go later.
    site.replace([...nodes.slice(1), first, ...more], last, {
      domain: microsoft,
      opType,
      inputs: [x],
      outputs: [last.outputs[0]!],
    });
    return true;
  };
  if (beside === x || site.isNumber(beside, 0.5)) {
    const second = site.reader(first.outputs[0], "Mul");
    const rest = second && site.other(second, first.outputs[0]!);
    if (beside === x ? site.isNumber(rest, 0.5) : rest === x) return fuse(second!, [second!]);
    return false;
  }
  const half = site.producer(beside, "Mul");
  return half !== undefined && site.besideNumber(half, 0.5) === x ? fuse(first, []) : false;
}

/** x·sigmoid(x): QuickGelu with alpha 1. */
const silu: Fusion = {
  name: "silu",
  startsAt: ["Sigmoid"],
  fuse(sigmoid, site) {
    const x = sigmoid.inputs[0]!;
    const product = site.reader(sigmoid.outputs[0], "Mul");
    if (!product || site.other(product, sigmoid.outputs[0]!) !== x || !site.isFloat32(x)) return false;
    site.replace([sigmoid, product], product, {
      domain: microsoft,
      opType: "QuickGelu",
      inputs: [x],
      outputs: [product.outputs[0]!],
      attributes: { alpha: 1 },
    });
    return true;
  },
};

/** x·HardSigmoid(x), or x·clip(x + 3, 0, 6)/6. */
const hardSwish: Fusion = {
  name: "hard-swish",
  startsAt: ["HardSigmoid", "Clip"],
  fuse(node, site) {
    const isClip = node.opType === "Clip";
    const add = isClip ? site.producer(node.inputs[0], "Add") : undefined;
    const x = isClip ? add && site.besideNumber(add, 3) : node.inputs[0];
    if (x === undefined || !site.isFloat32(x)) return false;
    if (isClip) {
      const [least, most] = [site.number(node.inputs[1]), site.number(node.inputs[2])];
      if (least !== 0 || most !== 6) return false;
    } else {
      const alpha = (node.attribute("alpha") as number | undefined) ?? 0.2;
      const beta = (node.attribute("beta") as number | undefined) ?? 0.5;
      if (Math.abs(alpha - 1 / 6) > 1e-4 || Math.abs(beta - 0.5) > 1e-6) return false;
    }
    const product = site.reader(node.outputs[0], "Mul", "Div");
    if (!product) return false;
    const nodes = [node, product];
    let last = product;
    if (isClip) {
      // A sixth before or after the product.
      const isSixth = (one: Node, name: string): boolean =>
        one.opType === "Div"
          ? one.inputs[0] === name && site.isNumber(one.inputs[1], 6)
          : site.isNumber(site.other(one, name), 1 / 6, 1e-4);
      const isTimesX = (one: Node, name: string): boolean => one.opType === "Mul" && site.other(one, name) === x;
      const [clipped, middle] = [node.outputs[0]!, product.outputs[0]!];
      const next = site.reader(middle, "Mul", "Div");
      if (!next) return false;
      if (
        !(isTimesX(product, clipped) && isSixth(next, middle)) &&
        !(isSixth(product, clipped) && isTimesX(next, middle))
      )
        return false;
      nodes.push(next);
      last = next;
    } else if (product.opType !== "Mul" || site.other(product, node.outputs[0]!) !== x) {
      return false;
    }
    if (!site.haveSameRank(x, last.outputs[0])) return false;
    site.replace(nodes, last, { opType: "HardSwish", inputs: [x], outputs: [last.outputs[0]!] });
    return true;
  },
};

export const activations: readonly Fusion[] = [gelu, geluTanh, silu, hardSwish];
