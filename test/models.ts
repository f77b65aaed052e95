/** Nets with random weights in well-known shapes: for tests of structure and for timing, never for accuracy. */
import { Model, Weight, type Dim } from "../lib/model/index.js";
import { randomNumbers } from "./kernels/levels.js";

/** 65,536 draws from the normal distribution, to be picked from: drawing each of millions of weights takes long. */
const normals = (() => {
  const random = randomNumbers(0);
  const draws = new Float32Array(1 << 16);
  for (let i = 0; i < draws.length; i += 2) {
    // Box and Muller's pairs.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    draws[i] = radius * Math.cos(angle);
    draws[i + 1] = radius * Math.sin(angle);
  }
  return draws;
})();

// Looking Math up in a global object is slow where that is a sandbox, as under jest.
const { imul } = Math;

/** Adds nodes one after the other; each method returns the name of what the node gives. */
class Builder {
  /** Of a linear congruential generator (Numerical Recipes). */
  private state: number;
  readonly model: Model;

  constructor(name: string, input: readonly Dim[], output: readonly Dim[], seed: number) {
    this.state = seed;
    this.model = Model.create({ name, opset: 13, irVersion: 7 });
    this.model.graph.addInput("x", "float32", input);
    this.model.graph.addOutput("y", "float32", output);
  }

  /** Normally distributed values; default deviation 1/√(elements of one index of the first axis). */
  weight(name: string, dims: readonly number[], deviation?: number): string {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const fanIn = dims.length > 1 ? count / dims[0]! : count;
    const scale = deviation ?? 1 / Math.sqrt(fanIn);
    const values = new Float32Array(count);
    let state = this.state;
    for (let i = 0; i < count; i++) {
      state = (imul(state, 1664525) + 1013904223) | 0;
      values[i] = scale * normals[state >>> 16]!; // the upper bits are the random ones
    }
    this.state = state;
    return this.model.graph.addWeight(name, Weight.of("float32", dims, values));
  }

  constant(name: string, dtype: "float32" | "int64", dims: readonly number[], values: readonly number[]): string {
    return this.model.graph.addWeight(name, Weight.of(dtype, dims, values));
  }

  node(
    opType: string,
    inputs: readonly string[],
    output: string,
    attributes: Record<string, number | string | number[]> = {},
  ): string {
    this.model.graph.addNode({ opType, name: `${opType}_${output}`, inputs, outputs: [output], attributes });
    return output;
  }

  /** The last node's output becomes the model's. */
  finish(last: string): Model {
    this.node("Identity", [last], "y");
    return this.model;
  }
}

/** Gemm layers of these widths with ReLU between them; input [N, sizes[0]]. */
export function mlp(sizes: readonly number[] = [784, 300, 100, 10], seed = 1): Model {
  const net = new Builder("mlp", ["N", sizes[0]!], ["N", sizes.at(-1)!], seed);
  let x = "x";
  for (let layer = 1; layer < sizes.length; layer++) {
    const [from, to] = [sizes[layer - 1]!, sizes[layer]!];
    const last = layer === sizes.length - 1;
    const inputs = [x, net.weight(`w${layer}`, [from, to]), net.weight(`b${layer}`, [to])];
    x = net.node("Gemm", inputs, last ? "y" : `g${layer}`);
    if (!last) x = net.node("Relu", [x], `h${layer}`);
  }
  return net.model;
}

/** One Gemm of 8 × 8; input [N, 8]. */
export const oneOp = (seed = 1): Model => mlp([8, 8], seed);

/** LeNet-5 as Caffe has it; input [N, 1, 28, 28]. */
export function lenet(seed = 1): Model {
  const net = new Builder("lenet", ["N", 1, 28, 28], ["N", 10], seed);
  const pool = (x: string, name: string): string =>
    net.node("MaxPool", [x], name, { kernel_shape: [2, 2], strides: [2, 2] });
  let x = net.node("Conv", ["x", net.weight("c1", [20, 1, 5, 5]), net.weight("cb1", [20])], "a1");
  x = pool(x, "p1");
  x = net.node("Conv", [x, net.weight("c2", [50, 20, 5, 5]), net.weight("cb2", [50])], "a2");
  x = net.node("Flatten", [pool(x, "p2")], "f");
  x = net.node("Gemm", [x, net.weight("w1", [800, 500]), net.weight("b1", [500])], "g1");
  x = net.node("Relu", [x], "r1");
  net.node("Gemm", [x, net.weight("w2", [500, 10]), net.weight("b2", [10])], "y");
  return net.model;
}

/** MobileNetV2 (Sandler et al. 2018) of width 1, batch norms folded into biases; input [N, 3, 224, 224]. */
export function mobilenetV2(seed = 1): Model {
  const net = new Builder("mobilenetv2", ["N", 3, 224, 224], ["N", 1000], seed);
  const bounds = [net.constant("lo", "float32", [], [0]), net.constant("hi", "float32", [], [6])];
  let count = 0;
  const conv = (
    x: string,
    from: number,
    to: number,
    kernel: number,
    stride: number,
    group = 1,
    clip = true,
  ): string => {
    count++;
    const inputs = [x, net.weight(`w${count}`, [to, from / group, kernel, kernel]), net.weight(`b${count}`, [to], 0.1)];
    const y = net.node("Conv", inputs, `c${count}`, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: Array<number>(4).fill(kernel >> 1),
      group,
    });
    return clip ? net.node("Clip", [y, ...bounds], `r${count}`) : y;
  };
  let x = conv("x", 3, 32, 3, 2);
  let channels = 32;
  // Expansion, channels, repetitions, stride of the first.
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  for (const [expansion, to, repetitions, stride] of stages)
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const wide = channels * expansion;
      const step = repetition === 0 ? stride : 1;
      let y = expansion > 1 ? conv(x, channels, wide, 1, 1) : x;
      y = conv(y, wide, wide, 3, step, wide);
      y = conv(y, wide, to, 1, 1, 1, false);
      x = step === 1 && channels === to ? net.node("Add", [x, y], `s${count}`) : y;
      channels = to;
    }
  x = net.node("GlobalAveragePool", [conv(x, channels, 1280, 1, 1)], "gp");
  x = net.node("Flatten", [x], "fl");
  net.node("Gemm", [x, net.weight("wl", [1280, 1000]), net.weight("bl", [1000])], "y");
  return net.model;
}

export interface EncoderShape {
  layers: number;
  width: number;
  hidden: number;
  heads: number;
}

export const bertBaseLayer: EncoderShape = { layers: 1, width: 768, hidden: 3072, heads: 12 };
export const minilm6Layer: EncoderShape = { layers: 6, width: 384, hidden: 1536, heads: 12 };

/** A transformer encoder as PyTorch exports it, layer norm and GELU in pieces; input [N, S, width]. */
export function encoder({ layers, width, hidden, heads }: EncoderShape = bertBaseLayer, seed = 1): Model {
  const net = new Builder("encoder", ["N", "S", width], ["N", "S", width], seed);
  const perHead = width / heads;
  const split = net.constant("split", "int64", [4], [0, 0, heads, perHead]);
  const merge = net.constant("merge", "int64", [3], [0, 0, width]);
  const scalar = (name: string, value: number): string => net.constant(name, "float32", [], [value]);
  const scale = scalar("scale", 1 / Math.sqrt(perHead));
  const [root2, one, half, two, epsilon] = [
    scalar("root2", Math.SQRT2),
    scalar("one", 1),
    scalar("half", 0.5),
    scalar("two", 2),
    scalar("epsilon", 1e-12),
  ];
  const linear = (x: string, from: number, to: number, name: string): string =>
    net.node(
      "Add",
      [net.node("MatMul", [x, net.weight(`${name}.w`, [from, to])], `${name}.m`), net.weight(`${name}.b`, [to], 0.02)],
      name,
    );
  const layerNorm = (x: string, name: string): string => {
    const mean = net.node("ReduceMean", [x], `${name}.mean`, { axes: [-1] });
    const centred = net.node("Sub", [x, mean], `${name}.centred`);
    const square = net.node("Pow", [centred, two], `${name}.square`);
    const variance = net.node("ReduceMean", [square], `${name}.variance`, { axes: [-1] });
    const deviation = net.node("Sqrt", [net.node("Add", [variance, epsilon], `${name}.safe`)], `${name}.deviation`);
    const normal = net.node("Div", [centred, deviation], `${name}.normal`);
    const gain = net.constant(`${name}.gain`, "float32", [width], Array<number>(width).fill(1));
    const shift = net.constant(`${name}.shift`, "float32", [width], Array<number>(width).fill(0));
    return net.node("Add", [net.node("Mul", [normal, gain], `${name}.scaled`), shift], name);
  };
  const gelu = (x: string, name: string): string => {
    const erf = net.node("Erf", [net.node("Div", [x, root2], `${name}.d`)], `${name}.e`);
    const product = net.node("Mul", [x, net.node("Add", [erf, one], `${name}.p`)], `${name}.q`);
    return net.node("Mul", [product, half], name);
  };
  let x = "x";
  for (let layer = 0; layer < layers; layer++) {
    const at = `layer${layer}`;
    const headsOf = (name: string, perm: number[]): string => {
      const y = linear(x, width, width, `${at}.${name}`);
      return net.node("Transpose", [net.node("Reshape", [y, split], `${y}.r`)], `${y}.t`, { perm });
    };
    const query = headsOf("q", [0, 2, 1, 3]);
    const key = headsOf("k", [0, 2, 3, 1]);
    const value = headsOf("v", [0, 2, 1, 3]);
    const scores = net.node("Mul", [net.node("MatMul", [query, key], `${at}.qk`), scale], `${at}.scores`);
    const attention = net.node("Softmax", [scores], `${at}.softmax`, { axis: -1 });
    const mixed = net.node("Transpose", [net.node("MatMul", [attention, value], `${at}.av`)], `${at}.avt`, {
      perm: [0, 2, 1, 3],
    });
    const joined = net.node("Reshape", [mixed, merge], `${at}.joined`);
    const first = net.node("Add", [x, linear(joined, width, width, `${at}.o`)], `${at}.sum1`);
    const y = layerNorm(first, `${at}.norm1`);
    const wide = gelu(linear(y, width, hidden, `${at}.up`), `${at}.gelu`);
    const second = net.node("Add", [y, linear(wide, hidden, width, `${at}.down`)], `${at}.sum2`);
    x = layerNorm(second, `${at}.norm2`);
  }
  return net.finish(x);
}
