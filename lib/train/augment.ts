/** Augmentation: examples that are changed a little each time they are trained on, by nodes before the model in the step's graph. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";
import { Build, Weight, type Graph } from "../model/index.js";

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
  const input = graph.inputs.find(({ name }) => !graph.isOverridable(name))!;
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
    if (dims.length !== 4 || ![channels, height, width].every((dim) => typeof dim === "number"))
      throw new PareError(
        "PARE_OPTION",
        `shift and flip take pictures [N, channels, height, width]; "${input.name}" is [${dims.map((dim) => dim ?? "?").join(", ")}].`,
      );
    const sizes = [channels, height, width] as [number, number, number];
    const own = (name: string, dtype: "int64" | "bool"): string => {
      const full = build.name(name);
      graph.addInput(full, dtype, [batch, 1, 1, 1]);
      return full;
    };
    const [down, right, mirror] = [own("down", "int64"), own("right", "int64"), own("mirror", "bool")];
    value = moved(build, value, { sizes, shift, down, right, mirror });
    feeders.push((feeds, step) => {
      const count = feeds[input.name]!.dims[0]!;
      const pixels = (part: number): Tensor =>
        new Tensor(
          "int64",
          BigInt64Array.from(lots(count, step, part), (lot) => BigInt(Math.floor(lot * (2 * shift + 1)))),
          [count, 1, 1, 1],
        );
      const mirrored = Uint8Array.from(lots(count, step, 2), (lot) => (flip && lot < 0.5 ? 1 : 0));
      return { [down]: pixels(0), [right]: pixels(1), [mirror]: new Tensor("bool", mirrored, [count, 1, 1, 1]) };
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

/** Each picture from its place in a padded one, by the indices of its pixels there. */
function moved(
  build: Build,
  picture: string,
  {
    sizes: [channels, height, width],
    shift,
    down,
    right,
    mirror,
  }: { sizes: [number, number, number]; shift: number; down: string; right: string; mirror: string },
): string {
  const [rows, columns] = [height + 2 * shift, width + 2 * shift];
  const range = (name: string, count: number, axis: number, value: (i: number) => number): string => {
    const shape = [1, 1, 1, 1];
    shape[axis] = count;
    const values = Array.from({ length: count }, (_, i) => value(i));
    return build.weight(name, Weight.of("int64", shape, values));
  };
  const padded =
    shift === 0 ? picture : build.op("Pad", picture, build.integers([0, 0, shift, shift, 0, 0, shift, shift]));
  const channel = range("channel", channels, 1, (i) => i * rows * columns);
  const row = build.op(
    "Add",
    range("row", height, 2, (i) => i * columns),
    build.op("Mul", down, build.integer(columns)),
  );
  const forwards = range("column", width, 3, (i) => i);
  const backwards = range("mirrored", width, 3, (i) => width - 1 - i);
  const column = build.op("Add", build.op("Where", mirror, backwards, forwards), right);
  const index = build.op("Add", build.op("Add", channel, row), column);
  const flat = (of: string): string => build.op("Reshape", of, build.integers([0, -1]));
  const taken = build.op("GatherElements", flat(padded), flat(index), { axis: 1 });
  return build.op("Reshape", taken, build.integers([-1, channels, height, width]));
}

/** Normal numbers of two uniform ones (Box & Muller 1958). */
function normal(build: Build, first: string, second: string, deviation: number): string {
  const logarithm = build.op("Log", build.op("Sub", build.number(1), first));
  const radius = build.op("Sqrt", build.op("Mul", logarithm, build.number(-2)));
  const angle = build.op("Cos", build.op("Mul", second, build.number(2 * Math.PI)));
  return build.op("Mul", build.op("Mul", radius, angle), build.number(deviation));
}
