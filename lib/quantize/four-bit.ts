/** Four-bit weights for ONNX Runtime's own operators: MatMulNBits (int4, uint4) and MatMulBnb4 (nf4, fp4). */
import type { Graph, Model, Node, Weight } from "../model/index.js";
import { gemmToMatMul } from "../rewrite/gemm.js";
import type { Report } from "../report/index.js";
import { entry, placeOf, weightInput } from "./dynamic.js";
import type { BitsAndBytesDtype, Resolved } from "./options.js";
import { nameOf } from "../rewrite/names.js";
import { refusal } from "./selection.js";
import type { WeightWork } from "./work.js";

/** Operator types that modes "matmulnbits" and "bnb4" know. */
export const fourBitOps = ["MatMul", "Gemm"];

/** Rewrites every MatMul and Gemm whose second input is a constant matrix that shrinks. */
export function quantizeFourBit(model: Model, options: Resolved, work: WeightWork, report: Report): void {
  const packed = new Map<Graph, Map<string, string[]>>();
  let used = false;
  for (const graph of model.graph.walk()) {
    for (const node of [...graph.nodes]) {
      if (node.domain !== "" || !fourBitOps.includes(node.opType)) continue;
      const name = nameOf(node);
      const reason = refusal(node, options) ?? quantizeNode(graph, node, options, work, packed);
      if (reason !== undefined) report.skip(name, reason);
      else used = true;
    }
  }
  if (used && model.opset("com.microsoft") === undefined) model.setOpset("com.microsoft", 1);
}

function quantizeNode(
  graph: Graph,
  node: Node,
  options: Resolved,
  work: WeightWork,
  packed: Map<Graph, Map<string, string[]>>,
): string | undefined {
  const b = weightInput(graph, node, 1);
  if (typeof b === "string") return b;
  const { weight, owner, name, transposed } = b;
  if (weight.dims.length !== 2) return `weight "${name}" has ${weight.dims.length} dimensions, not two`;
  const turn = transposed !== (node.opType === "Gemm" && Number(node.attribute("transB") ?? 0) !== 0);
  const [k, n] = (turn ? [weight.dims[1], weight.dims[0]] : weight.dims) as [number, number];
  const after = bytesAfter(k, n, options);
  const before = weight.bytes.byteLength;
  if (after >= before) return `weight "${name}" would not shrink: ${before} bytes now, ${after} in blocks`;

  const matMul = node.opType === "Gemm" ? gemmToMatMul(graph, node) : node;
  const known = entry(packed, owner);
  const key = JSON.stringify([name, turn]);
  let weights = known.get(key);
  if (!weights) known.set(key, (weights = pack(b, turn, node.opType, options, work)));
  const { mode, blockSize, accuracyLevel, dtype } = options;
  const bnb4 = mode === "bnb4";
  const place = placeOf(graph, matMul);
  graph.removeNode(matMul);
  graph.addNode(
    {
      opType: bnb4 ? "MatMulBnb4" : "MatMulNBits",
      domain: "com.microsoft",
      ...(matMul.name === "" ? {} : { name: `${matMul.name}_${bnb4 ? "Bnb4" : "Q4"}` }),
      inputs: [matMul.inputs[0]!, ...weights],
      outputs: [...matMul.outputs],
      attributes: {
        K: k,
        N: n,
        block_size: blockSize,
        ...(bnb4 ? { quant_type: dtype === "nf4" ? 1 : 0 } : { bits: 4 }),
        ...(accuracyLevel ? { accuracy_level: accuracyLevel } : {}),
      },
    },
    place,
  );
  return undefined;
}

/** Adds the packed weight beside the one it stands for; returns the names of its tensors in the operator's order. */
function pack(
  { weight, name, owner }: { weight: Weight; name: string; owner: Graph },
  turn: boolean,
  op: string,
  { mode, dtype, blockSize, symmetric }: Resolved,
  work: WeightWork,
): string[] {
  if (mode === "bnb4") {
    const type = dtype as BitsAndBytesDtype;
    const { data, absmax } = work.bnb4(weight, { blockSize, type }, { name, op }, turn);
    return [owner.addWeight(`${name}_Bnb4`, data), owner.addWeight(`${name}_absmax`, absmax)];
  }
  const { data, scale, zeroPoint } = work.nBits(weight, { blockSize, symmetric }, { name, op }, turn);
  const names = [owner.addWeight(`${name}_Q4`, data), owner.addWeight(`${name}_scales`, scale)];
  if (zeroPoint) names.push(owner.addWeight(`${name}_zero_points`, zeroPoint));
  return names;
}

function bytesAfter(k: number, n: number, { mode, blockSize, symmetric }: Resolved): number {
  if (mode === "bnb4") return Math.ceil((k * n) / 2) + 4 * Math.ceil((k * n) / blockSize);
  const blocks = Math.ceil(k / blockSize);
  return n * (blocks * (blockSize / 2 + 4) + (symmetric ? 0 : Math.ceil(blocks / 2)));
}
