/** New models from layers: `sequential([dense(300), relu(), dense(10)], { input: [784] })` is an ordinary Model. */
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";
import { Build } from "./build.js";
import { Model } from "./model.js";
import { Weight } from "./weight.js";

/** What a layer sees: the graph so far, the dimensions of one example, and random numbers of its own. */
export interface LayerContext {
  readonly build: Build;
  /** Dimensions of the value without the batch. */
  readonly dims: readonly number[];
  /** Uniform numbers in [−bound, bound), the next of this model's seed. */
  readonly uniform: (dims: readonly number[], bound: number) => Weight;
  readonly normal: (dims: readonly number[], deviation: number) => Weight;
}

/** Adds its nodes behind `value`; returns its result and the result's dimensions without the batch. */
export interface Layer {
  readonly kind: string;
  add(context: LayerContext, value: string): { value: string; dims: readonly number[] };
}

export interface SequentialOptions {
  /** Dimensions of one example, without the batch: [784], or [channels, height, width]. */
  input: readonly number[];
  /** Of the weights; the same seed gives the same bits. Default 0. */
  seed?: number;
  /** Names of the graph's input and output; default "x" and "y". */
  inputName?: string;
  outputName?: string;
  /** Default 17. */
  opset?: number;
}

/**
 * A model that runs its layers one after the other, its weights as PyTorch begins with them. The batch is a symbol "N".
 * @throws PareError PARE_OPTION or PARE_SHAPE where a layer does not fit what comes before, by its number and kind.
 */
export function sequential(
  layers: readonly Layer[],
  { input, seed = 0, inputName = "x", outputName = "y", opset = 17 }: SequentialOptions,
): Model {
  if (input.length === 0 || !input.every((dim) => Number.isInteger(dim) && dim > 0))
    throw new PareError("PARE_OPTION", `input must be dimensions above 0, as [784]; got [${input.join(", ")}].`);
  if (layers.length === 0) throw new PareError("PARE_OPTION", "a model needs at least one layer.");
  const model = Model.create({ opset, name: "sequential" });
  const { graph } = model;
  graph.addInput(inputName, "float32", ["N", ...input]);
  model.reserveName(outputName);
  const build = new Build(graph);
  let stream = 0;
  let value = inputName;
  let dims = input;
  const counts = new Map<string, number>();
  layers.forEach((layer, index) => {
    const count = (counts.get(layer.kind) ?? 0) + 1;
    counts.set(layer.kind, count);
    build.prefix = `${layer.kind}${count}.`;
    const uniform = (shape: readonly number[]): Float32Array => {
      const lots = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
      kernels.randomScores({ seed, stream: stream++, count: lots.length, out: lots });
      return lots;
    };
    const context: LayerContext = {
      build,
      dims,
      uniform: (shape, bound) =>
        Weight.of(
          "float32",
          shape,
          uniform(shape).map((lot) => (2 * lot - 1) * bound),
        ),
      normal: (shape, deviation) => {
        const [first, second] = [uniform(shape), uniform(shape)];
        // Box and Muller; 1 − lot is never 0.
        return Weight.of(
          "float32",
          shape,
          first.map((lot, i) => deviation * Math.sqrt(-2 * Math.log(1 - lot)) * Math.cos(2 * Math.PI * second[i]!)),
        );
      },
    };
    try {
      ({ value, dims } = layer.add(context, value));
    } catch (error) {
      if (error instanceof PareError)
        throw new PareError(error.code, `layer ${index} (${layer.kind}): ${error.message}`, { cause: error });
      throw error;
    }
  });
  const last = graph.producer(value)!;
  graph.setOutput(last, last.outputs.indexOf(value), outputName);
  graph.replaceUses(value, outputName);
  graph.addOutput(outputName, "float32", ["N", ...dims]);
  return model;
}

const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
const positive = (value: number, name: string): number => {
  if (Number.isInteger(value) && value > 0) return value;
  throw new PareError("PARE_OPTION", `${name} must be a whole number above 0; got ${value}.`);
};
const pair = (value: number | readonly [number, number], name: string, least = 1): [number, number] => {
  const both: [number, number] = typeof value === "number" ? [value, value] : [value[0], value[1]];
  if (both.every((one) => Number.isInteger(one) && one >= least)) return both;
  throw new PareError("PARE_OPTION", `${name} must be a whole number from ${least} on, or two; got ${String(value)}.`);
};

/** y = x·W + b over the last dimension; weights uniform within ±1/√inputs. */
export function dense(units: number, { bias = true }: { bias?: boolean } = {}): Layer {
  return {
    kind: "dense",
    add: ({ build, dims, uniform }, value) => {
      const inputs = dims.at(-1)!;
      const bound = 1 / Math.sqrt(inputs);
      const weight = build.weight("weight", uniform([positive(units, "units"), inputs], bound));
      const shift = bias ? build.weight("bias", uniform([units], bound)) : undefined;
      const result = [...dims.slice(0, -1), units];
      if (dims.length === 1) return { value: build.op("Gemm", value, weight, shift, { transB: 1 }), dims: result };
      const product = build.op("MatMul", value, build.op("Transpose", weight, { perm: [1, 0] }));
      return { value: shift === undefined ? product : build.op("Add", product, shift), dims: result };
    },
  };
}

export interface ConvOptions {
  stride?: number | readonly [number, number];
  padding?: number | readonly [number, number];
  dilation?: number | readonly [number, number];
  groups?: number;
  bias?: boolean;
}

/** A convolution of [channels, height, width]; weights uniform within ±1/√(inputs of a window). */
export function conv(
  channels: number,
  kernel: number | readonly [number, number],
  { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }: ConvOptions = {},
): Layer {
  return {
    kind: "conv",
    add: ({ build, dims, uniform }, value) => {
      const [inputs, ...image] = requireImage(dims);
      positive(channels, "channels");
      const size = pair(kernel, "kernel");
      const [strides, pads, dilations] = [
        pair(stride, "stride"),
        pair(padding, "padding", 0),
        pair(dilation, "dilation"),
      ];
      if (inputs % positive(groups, "groups") !== 0 || channels % groups !== 0)
        throw new PareError("PARE_SHAPE", `${groups} groups do not divide ${inputs} and ${channels} channels.`);
      const shape = [channels, inputs / groups, ...size];
      const bound = 1 / Math.sqrt(count(shape.slice(1)));
      const weight = build.weight("weight", uniform(shape, bound));
      const shift = bias ? build.weight("bias", uniform([channels], bound)) : undefined;
      const places = image.map((length, axis) =>
        placesOf(length, size[axis]!, strides[axis]!, pads[axis]!, dilations[axis]!),
      );
      const attributes = { kernel_shape: size, strides, pads: [...pads, ...pads], dilations, group: groups };
      return { value: build.op("Conv", value, weight, shift, attributes), dims: [channels, ...places] };
    },
  };
}

/** A convolution of each channel by itself. */
export function depthwiseConv(
  kernel: number | readonly [number, number],
  options: Omit<ConvOptions, "groups"> = {},
): Layer {
  return {
    kind: "depthwiseConv",
    add: (context, value) => {
      const [channels] = requireImage(context.dims);
      return conv(channels, kernel, { ...options, groups: channels }).add(context, value);
    },
  };
}

export interface PoolOptions {
  /** Default: the kernel's size. */
  stride?: number | readonly [number, number];
  padding?: number | readonly [number, number];
}

function pool(kind: string, opType: string, kernel: number | readonly [number, number], options: PoolOptions): Layer {
  return {
    kind,
    add: ({ build, dims }, value) => {
      const [channels, ...image] = requireImage(dims);
      const size = pair(kernel, "kernel");
      const strides = pair(options.stride ?? kernel, "stride");
      const pads = pair(options.padding ?? 0, "padding", 0);
      const places = image.map((length, axis) => placesOf(length, size[axis]!, strides[axis]!, pads[axis]!, 1));
      const attributes = { kernel_shape: size, strides, pads: [...pads, ...pads] };
      return { value: build.op(opType, value, attributes), dims: [channels, ...places] };
    },
  };
}
export const maxPool = (kernel: number | readonly [number, number], options: PoolOptions = {}): Layer =>
  pool("maxPool", "MaxPool", kernel, options);
export const averagePool = (kernel: number | readonly [number, number], options: PoolOptions = {}): Layer =>
  pool("averagePool", "AveragePool", kernel, options);

/** The mean of each channel, without its dimensions: [channels, height, width] → [channels]. */
export function globalAveragePool(): Layer {
  return {
    kind: "globalAveragePool",
    add: ({ build, dims }, value) => {
      const [channels] = requireImage(dims);
      return { value: build.op("Flatten", build.op("GlobalAveragePool", value), { axis: 1 }), dims: [channels] };
    },
  };
}

export function flatten(): Layer {
  return {
    kind: "flatten",
    add: ({ build, dims }, value) => ({ value: build.op("Flatten", value, { axis: 1 }), dims: [count(dims)] }),
  };
}

function activation(kind: string, type: string): Layer {
  return { kind, add: ({ build, dims }, value) => ({ value: build.op(type, value), dims }) };
}
export const relu = (): Layer => activation("relu", "Relu");
export const sigmoid = (): Layer => activation("sigmoid", "Sigmoid");
export const tanh = (): Layer => activation("tanh", "Tanh");
/** x·Φ(x), from its pieces, which every opset has. */
export function gelu(): Layer {
  return {
    kind: "gelu",
    add: ({ build, dims }, value) => {
      const erf = build.op("Erf", build.op("Div", value, build.number(Math.SQRT2)));
      const half = build.op("Mul", value, build.number(0.5));
      return { value: build.op("Mul", half, build.op("Add", erf, build.number(1))), dims };
    },
  };
}
export function softmax(): Layer {
  return {
    kind: "softmax",
    add: ({ build, dims }, value) => ({ value: build.op("Softmax", value, { axis: -1 }), dims }),
  };
}

/** Normalizes each channel (the first dimension after the batch) over the batch; PyTorch's momentum of 0.1. */
export function batchNorm({ epsilon = 1e-5 }: { epsilon?: number } = {}): Layer {
  return {
    kind: "batchNorm",
    add: ({ build, dims }, value) => {
      const filled = (base: string, one: number): string =>
        build.weight(base, Weight.of("float32", [dims[0]!], new Float32Array(dims[0]!).fill(one)));
      const parameters = [filled("scale", 1), filled("bias", 0), filled("mean", 0), filled("variance", 1)];
      return { value: build.op("BatchNormalization", value, ...parameters, { epsilon, momentum: 0.9 }), dims };
    },
  };
}

/** Normalizes the last dimension of each example. */
export function layerNorm({ epsilon = 1e-5 }: { epsilon?: number } = {}): Layer {
  return {
    kind: "layerNorm",
    add: ({ build, dims }, value) => {
      const size = dims.at(-1)!;
      const scale = build.weight("scale", Weight.of("float32", [size], new Float32Array(size).fill(1)));
      const bias = build.weight("bias", Weight.of("float32", [size], new Float32Array(size)));
      return { value: build.op("LayerNormalization", value, scale, bias, { axis: -1, epsilon }), dims };
    },
  };
}

/** Zeros with the probability `ratio` while training, nothing otherwise. */
export function dropout(ratio = 0.5): Layer {
  if (!(ratio >= 0 && ratio < 1))
    throw new PareError("PARE_OPTION", `dropout's ratio must be at least 0 and below 1; got ${ratio}.`);
  return {
    kind: "dropout",
    add: ({ build, dims }, value) => ({ value: build.op("Dropout", value, build.number(ratio)), dims }),
  };
}

/** Rows of a table by whole numbers, which the input holds as float32: [length] → [length, size]. */
export function embedding(entries: number, size: number): Layer {
  return {
    kind: "embedding",
    add: ({ build, dims, normal }, value) => {
      const table = build.weight("weight", normal([positive(entries, "entries"), positive(size, "size")], 1));
      return { value: build.op("Gather", table, build.cast(value, "int64"), { axis: 0 }), dims: [...dims, size] };
    },
  };
}

/** Layers whose result is added to their input. */
export function residual(layers: readonly Layer[]): Layer {
  return {
    kind: "residual",
    add: (context, value) => {
      let [inner, dims] = [value, context.dims];
      const { prefix } = context.build;
      layers.forEach((layer, i) => {
        context.build.prefix = `${prefix}${i}.${layer.kind}.`;
        ({ value: inner, dims } = layer.add({ ...context, dims }, inner));
      });
      context.build.prefix = prefix;
      if (dims.join() !== context.dims.join())
        throw new PareError("PARE_SHAPE", `[${dims.join(", ")}] cannot be added to [${context.dims.join(", ")}].`);
      return { value: context.build.op("Add", value, inner), dims };
    },
  };
}

/** Self-attention of several heads over [length, size]; weights uniform as Glorot and Bengio's, biases zero. */
export function attention(heads: number): Layer {
  return {
    kind: "attention",
    add: ({ build, dims, uniform }, value) => {
      const [length, size] = dims;
      if (dims.length !== 2 || length === undefined || size === undefined || size % positive(heads, "heads") !== 0)
        throw new PareError(
          "PARE_SHAPE",
          `attention takes [length, size] with a size that ${heads} heads divide; got [${dims.join(", ")}].`,
        );
      const depth = size / heads;
      const project = (input: string, base: string): string => {
        const weight = build.weight(`${base}.weight`, uniform([size, size], Math.sqrt(6 / (2 * size))));
        const bias = build.weight(`${base}.bias`, Weight.of("float32", [size], new Float32Array(size)));
        return build.op("Add", build.op("MatMul", input, weight), bias);
      };
      const split = (input: string, perm: readonly number[]): string =>
        build.op("Transpose", build.op("Reshape", input, build.integers([-1, length, heads, depth])), { perm });
      const query = split(project(value, "query"), [0, 2, 1, 3]);
      const key = split(project(value, "key"), [0, 2, 3, 1]);
      const values = split(project(value, "value"), [0, 2, 1, 3]);
      const scores = build.op("Mul", build.op("MatMul", query, key), build.number(1 / Math.sqrt(depth)));
      const mixed = build.op("MatMul", build.op("Softmax", scores, { axis: -1 }), values);
      const joined = build.op("Transpose", mixed, { perm: [0, 2, 1, 3] });
      return { value: project(build.op("Reshape", joined, build.integers([-1, length, size])), "output"), dims };
    },
  };
}

function requireImage(dims: readonly number[]): [number, number, number] {
  if (dims.length === 3) return dims as unknown as [number, number, number];
  throw new PareError(
    "PARE_SHAPE",
    `it takes [channels, height, width]; what comes before gives [${dims.join(", ")}].`,
  );
}

function placesOf(length: number, kernel: number, stride: number, padding: number, dilation: number): number {
  const window = (kernel - 1) * dilation + 1;
  if (length + 2 * padding < window)
    throw new PareError(
      "PARE_SHAPE",
      `a window of ${window} does not fit into ${length} with a padding of ${padding}.`,
    );
  return Math.floor((length + 2 * padding - window) / stride) + 1;
}
