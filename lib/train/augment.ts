/** Augmentation: examples that are changed a little each time they are trained on, by nodes before the model in the step's graph. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";
import { Build, Model, type Graph } from "../model/index.js";
import { InferenceSession } from "../run/session.js";

/** Of the model's first input; each example by its own lot. What is held back is never changed. */
export interface AugmentOptions {
  /** Pictures [N, channels, height, width] move by up to so many pixels in each direction; zeros come in. */
  shift?: number;
  /** Every other picture is mirrored, left to right. */
  flip?: boolean;
  /** Deviation of normal noise that is added. */
  noise?: number;
}

/** What the nodes are fed with a batch: numbers by lot that depend on seed and step alone. */
export type Augmenter = (batch: Readonly<Record<string, Tensor>>, step: number) => Record<string, Tensor>;

/** A range of lots that no order and no split draws from. */
const firstStream = 2 ** 32;
const streamsOfStep = 8;

/** Puts the nodes between the model's first input and what reads it. */
export function addAugmentation(graph: Graph, options: AugmentOptions, seed: number): Augmenter {
  const { shift = 0, flip = false, noise = 0 } = options;
  if (!(Number.isInteger(shift) && shift >= 0))
    throw new PareError("PARE_OPTION", `shift must be a whole number of pixels; got ${shift}.`);
  if (!(noise >= 0 && Number.isFinite(noise)))
    throw new PareError("PARE_OPTION", `noise must be a deviation of at least 0; got ${noise}.`);
  const input = firstInput(graph);
  const dims = input.dims ?? [];
  if (input.dtype !== "float32")
    throw new PareError("PARE_OPTION", `augmentation changes float32; "${input.name}" is ${input.dtype ?? "unknown"}.`);
  const readers = graph.consumers(input.name);
  const build = new Build(graph, "augment/");
  const feeders: Augmenter[] = [];
  let value = input.name;
  const lots = (count: number, step: number, part: number): Float32Array =>
    kernels.randomScores({ seed, stream: firstStream + streamsOfStep * step + part, count });

  if (shift > 0 || flip) {
    const [batch, channels, height, width] = dims;
    if (dims.length !== 4)
      throw new PareError(
        "PARE_OPTION",
        `shift and flip take pictures [N, channels, height, width]; "${input.name}" is [${dims.map((dim) => dim ?? "?").join(", ")}].`,
      );
    const [rows, columns] = [build.name("rows"), build.name("columns")];
    graph.addInput(rows, "int64", [batch, channels, height, 1]);
    graph.addInput(columns, "int64", [batch, 1, 1, width]);
    value = moved(build, value, { shift, rows, columns });
    feeders.push((feeds, step) => {
      const sizes = feeds[input.name]!.dims as [number, number, number, number];
      const pixels = (part: number): number[] =>
        Array.from(lots(sizes[0], step, part), (lot) => Math.floor(lot * (2 * shift + 1)));
      const isMirrored = Array.from(lots(sizes[0], step, 2), (lot) => flip && lot < 0.5);
      const places = placesOf(sizes, shift, { down: pixels(0), right: pixels(1), isMirrored });
      return { [rows]: places.rows, [columns]: places.columns };
    });
  }
  if (noise > 0) {
    const [first, second] = [build.name("lots"), build.name("lots2")];
    for (const name of [first, second]) graph.addInput(name, "float32", dims);
    value = build.op("Add", value, normal(build, first, second, noise));
    feeders.push((feeds, step) => {
      const { dims: shape, size } = feeds[input.name]!;
      const tensor = (part: number): Tensor => new Tensor("float32", lots(size, step, part), shape);
      return { [first]: tensor(3), [second]: tensor(4) };
    });
  }
  for (const node of readers)
    for (const [i, name] of node.inputs.entries()) if (name === input.name) node.setInput(i, value);
  graph.sort();
  return (batch, step) => Object.assign({}, ...feeders.map((feed) => feed(batch, step))) as Record<string, Tensor>;
}

/** The same ahead of the step's graph, for a teacher that must see what its student sees. */
export class Augmentation {
  readonly #session: InferenceSession;
  readonly #augmenter: Augmenter;
  readonly #input: string;

  constructor(model: Model, options: AugmentOptions, seed: number, { threads }: { threads?: number } = {}) {
    const { name, dtype = "float32", dims = [] } = firstInput(model.graph);
    const alone = Model.create({ opset: 18 });
    alone.graph.addInput(name, dtype, dims);
    const changed = alone.graph.uniqueName("changed");
    alone.graph.addNode({ opType: "Identity", inputs: [name], outputs: [changed] });
    alone.graph.addOutput(changed, dtype, dims);
    this.#input = name;
    this.#augmenter = addAugmentation(alone.graph, options, seed);
    this.#session = new InferenceSession(alone, threads === undefined ? {} : { threads });
  }

  /** The batch as a step of this number would change it. */
  async to(batch: Record<string, Tensor>, step: number): Promise<Record<string, Tensor>> {
    const results = await this.#session.run({ [this.#input]: batch[this.#input]!, ...this.#augmenter(batch, step) });
    return { ...batch, [this.#input]: results[this.#session.outputNames[0]!]! };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const firstInput = (graph: Graph): Graph["inputs"][number] =>
  graph.inputs.find(({ name }) => !graph.isOverridable(name))!;

/** Each picture from its place in a padded one, by the indices of its pixels there: its rows' beginnings and its columns. */
function moved(
  build: Build,
  picture: string,
  { shift, rows, columns }: { shift: number; rows: string; columns: string },
): string {
  const padded =
    shift === 0 ? picture : build.op("Pad", picture, build.integers([0, 0, shift, shift, 0, 0, shift, shift]));
  const flat = (of: string): string => build.op("Reshape", of, build.integers([0, -1]));
  const taken = build.op("GatherElements", flat(padded), flat(build.op("Add", rows, columns)), { axis: 1 });
  return build.op("Reshape", taken, build.op("Shape", picture));
}

/** Where the rows [N, channels, height, 1] begin in a padded picture, and the columns [N, 1, 1, width] in its rows. */
function placesOf(
  [count, channels, height, width]: readonly [number, number, number, number],
  shift: number,
  { down, right, isMirrored }: { down: readonly number[]; right: readonly number[]; isMirrored: readonly boolean[] },
): { rows: Tensor; columns: Tensor } {
  const rows = new BigInt64Array(count * channels * height);
  const columns = new BigInt64Array(count * width);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        rows[(n * channels + c) * height + y] = BigInt((c * (height + 2 * shift) + y + down[n]!) * (width + 2 * shift));
    for (let x = 0; x < width; x++) columns[n * width + x] = BigInt((isMirrored[n] ? width - 1 - x : x) + right[n]!);
  }
  return {
    rows: new Tensor("int64", rows, [count, channels, height, 1]),
    columns: new Tensor("int64", columns, [count, 1, 1, width]),
  };
}

/** Normal numbers of two uniform ones (Box & Muller 1958). */
function normal(build: Build, first: string, second: string, deviation: number): string {
  const logarithm = build.op("Log", build.op("Sub", build.number(1), first));
  const radius = build.op("Sqrt", build.op("Mul", logarithm, build.number(-2)));
  const angle = build.op("Cos", build.op("Mul", second, build.number(2 * Math.PI)));
  return build.op("Mul", build.op("Mul", radius, angle), build.number(deviation));
}
