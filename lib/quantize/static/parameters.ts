/** Scales, zero points and integers of what is quantized, as weights of the graph. */
import { binding } from "../../binding.js";
import { PareError } from "../../errors.js";
import { layoutOf } from "../../kernels/layout.js";
import { Weight, type Graph } from "../../model/index.js";
import type { Resolved } from "../options.js";
import { empty, type IntegerSpec, type IntegerWeights, type WeightWork } from "../work.js";
import { gridOf, roundHalfEven, type Grid } from "./grid.js";
import type { Range } from "./thresholds.js";

/** How an activation's integers are read: the names of what says so in the graph. */
export interface Activation {
  scaleName: string;
  zeroPointName: string;
}

/** A constant as integers: names of data, scale and zero point. */
export interface Constant {
  data: string;
  scaleName: string;
  zeroPointName: string;
  axis?: number;
}

interface Made extends Constant {
  from: Weight;
  spec: IntegerSpec;
  integers: IntegerWeights;
}

const largestInteger = 2 ** 31 - 1;

export class Parameters {
  readonly #graph: Graph;
  readonly #options: Resolved;
  readonly #ranges: ReadonlyMap<string, Range>;
  readonly #work: WeightWork;
  readonly activations = new Map<string, Activation>();
  readonly #constants = new Map<string, Made>();

  constructor(graph: Graph, options: Resolved, ranges: ReadonlyMap<string, Range>, work: WeightWork) {
    this.#graph = graph;
    this.#options = options;
    this.#ranges = ranges;
    this.#work = work;
  }

  /** An activation's grid: what its range says, or `given`. */
  activation(name: string, given?: Grid): Activation {
    let known = this.activations.get(name);
    if (!known) {
      const { activationType, activationSymmetric } = this.#options;
      const range = this.#ranges.get(name);
      if (!range && !given) throw new PareError("PARE_MODEL", `the activation "${name}" was not observed.`);
      const grid = given ?? gridOf(range!, activationType, activationSymmetric);
      known = {
        scaleName: this.#graph.addWeight(`${name}_scale`, Weight.of("float32", [], [grid.scale])),
        zeroPointName: this.#graph.addWeight(`${name}_zero_point`, Weight.of(activationType, [], [grid.zeroPoint])),
      };
      this.activations.set(name, known);
    }
    return known;
  }

  /** Lets a value be read as another one is. */
  share(name: string, activation: Activation): void {
    this.activations.set(name, activation);
  }

  /** A constant as integers, of the weights' type or the activations'. */
  constant(name: string, isWeight: boolean, op: string, axis?: number): Constant {
    let known = this.#constants.get(name);
    if (!known) {
      const { dtype, symmetric, activationType, activationSymmetric, reduceRange, format } = this.#options;
      const isOperand = !isWeight && format === "qoperator";
      const spec: IntegerSpec = {
        dtype: isWeight ? (dtype as IntegerSpec["dtype"]) : activationType,
        // Integer kernels take one zero point for all channels, which zero in the middle gives.
        // (onnxruntime.quantization takes an operand for a weight where both have one type.)
        symmetric:
          axis !== undefined || (isWeight || (isOperand && dtype === activationType) ? symmetric : activationSymmetric),
        reduceRange: reduceRange && !isOperand,
        ...(axis === undefined ? {} : { axis }),
      };
      const from = this.#graph.weight(name)!;
      const integers = this.#work.integers(from, spec, { name, op });
      known = {
        from,
        spec,
        integers,
        data: this.#graph.addWeight(`${name}_quantized`, integers.data),
        scaleName: this.#graph.addWeight(`${name}_scale`, integers.scale),
        zeroPointName: this.#graph.addWeight(`${name}_zero_point`, integers.zeroPoint),
        ...(axis === undefined ? {} : { axis }),
      };
      this.#constants.set(name, known);
    }
    return known;
  }

  /**
   * A bias as int32, whose scale is the product of its node's input's and weight's; undefined where it has another number
   * of elements than the weight has scales. A weight whose scale is so small that the bias would not fit gets a larger one.
   */
  bias(name: string, input: Activation, weight: string, beta: number): Constant | undefined {
    const bias = this.#graph.weight(name)!;
    const made = this.#constants.get(weight);
    const scales = made?.integers.scale.elementCount ?? 1;
    const perChannel = made?.axis !== undefined;
    if (perChannel && (bias.elementCount !== scales || bias.dims.at(-1) !== scales)) return undefined;
    const dims = perChannel ? [scales] : [];
    const data = empty("int32", bias.dims);
    const scale = empty("float32", dims);
    const scaleOf = ({ scaleName }: Activation): Weight => this.#graph.weight(scaleName)!;
    const scaleOfInput = scaleOf(input);
    const scaleOfWeight = made?.integers.scale ?? scaleOf(this.activation(weight));
    this.#work.later(name, bias, async () => {
      const values = Float64Array.from(bias.toFloats(), (value) => value * beta);
      const inputScale = scaleOfInput.toFloats()[0]!;
      let weightScales = scaleOfWeight.toFloats();
      if (made?.spec.dtype === "int8" && made.spec.symmetric) {
        const larger = scalesThatHold(values, inputScale, weightScales);
        if (larger) {
          weightScales = larger;
          await this.#requantize(made, larger);
        }
      }
      const products = weightScales.map((one) => one * inputScale);
      const integers = Int32Array.from(values, (value, i) => {
        const integer = roundHalfEven(value / products[perChannel ? i : 0]!);
        return Math.min(largestInteger, Math.max(-largestInteger - 1, integer));
      });
      data.bytes.set(new Uint8Array(integers.buffer));
      scale.bytes.set(new Uint8Array(products.buffer));
    });
    const base = `${name}_quantized`;
    return {
      data: this.#graph.addWeight(base, data),
      scaleName: this.#graph.addWeight(`${base}_scale`, scale),
      zeroPointName: this.#graph.addWeight(`${base}_zero_point`, empty("int32", dims)),
      ...(perChannel ? { axis: bias.dims.length - 1 } : {}),
    };
  }

  async #requantize({ from, spec, integers }: Made, scales: Float32Array): Promise<void> {
    integers.scale.bytes.set(new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength));
    const layout = layoutOf(from.elementCount, { shape: from.dims, ...(spec.axis === undefined ? {} : spec) });
    const { dtype, symmetric, reduceRange } = spec;
    const grid = { dtype, symmetric, reduceRange, scale: scales, zeroPoint: integers.zeroPoint.bytes };
    await this.#work.native((call) => binding.quantize(from.bytes, layout, grid, integers.data.bytes, call));
  }
}

/** Weight scales with which every value of a bias is an int32, or undefined where they are large enough already. */
function scalesThatHold(bias: Float64Array, inputScale: number, weightScales: Float32Array): Float32Array | undefined {
  const perChannel = weightScales.length > 1;
  const largest = bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scales = weightScales.map((scale, i) => {
    const least = (1.0001 * (perChannel ? Math.abs(bias[i]!) : largest)) / largestInteger;
    const product = inputScale * scale;
    return product > 0 && product < least ? scale * (least / product) : scale;
  });
  return scales.some((scale, i) => scale !== weightScales[i]) ? scales : undefined;
}
