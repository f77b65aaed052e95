/** Feature matching: values inside the student follow values inside the teacher (Romero et al. 2015, arXiv:1412.6550). */
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";
import { Build, Weight, type Model } from "../model/index.js";

/** A value of the student that should be as one of the teacher is. */
export interface FeatureMatch {
  /** Names of values: outputs of nodes. */
  student: string;
  teacher: string;
  /** Of the mean squared difference in the loss. Default 1. */
  weight?: number;
}

/** A pair with the names that the loss reads. */
export interface Feature {
  /** Of the student's value, brought to the teacher's number of channels. */
  own: string;
  /** Of the input that the teacher's value goes to, and its dimensions. */
  input: string;
  dims: readonly (number | string | undefined)[];
  teacher: string;
  weight: number;
}

/**
 * A copy of the student with a regressor behind every value that has another number of channels (the dimension after the
 * batch) than the teacher's: one matrix, or a convolution of 1×1, that is trained with the rest and left out of the result.
 */
export function addRegressors(
  student: Model,
  teacher: Model,
  matches: readonly FeatureMatch[],
  seed: number,
): { model: Model; features: Feature[] } {
  const model = student.clone();
  const build = new Build(model.graph, "feature/");
  const features = matches.map(({ student: value, teacher: wanted, weight = 1 }, index): Feature => {
    if (!(weight >= 0)) throw new PareError("PARE_OPTION", `a feature's weight must be at least 0; got ${weight}.`);
    const [dims, goal] = [dimsOf(model, value, "student"), dimsOf(teacher, wanted, "teacher")];
    const places = (of: readonly unknown[]): string => of.slice(2).join();
    if (dims.length !== goal.length || places(dims) !== places(goal))
      throw new PareError(
        "PARE_SHAPE",
        `"${value}" is [${dims.join(", ")}] and the teacher's "${wanted}" is [${goal.join(", ")}]; they may differ in their channels only.`,
      );
    const [from, to] = [dims[1], goal[1]];
    if (typeof from !== "number" || typeof to !== "number")
      throw new PareError("PARE_SHAPE", `the channels of "${value}" and "${wanted}" must be known numbers.`);
    const own = from === to ? value : regressor(build, value, { from, to, rank: dims.length, seed, index });
    // An output keeps what leads to it, and is found by its name in each copy.
    if (!model.graph.isOutput(own)) model.graph.addOutput(own, "float32", [dims[0], to, ...dims.slice(2)]);
    return { own, input: `teacher/feature${index}`, dims: goal, teacher: wanted, weight };
  });
  return { model, features };
}

/** The trained student without its regressors, with the outputs that it had. */
export function removeRegressors(trained: Model, student: Model): Model {
  const { graph } = trained;
  graph.proto.output = graph.proto.output.slice(0, student.graph.outputs.length);
  graph.removeUnused();
  trained.changed();
  return trained;
}

function dimsOf(model: Model, value: string, who: string): readonly (number | string | undefined)[] {
  const dims = model.inferShapes().get(value)?.dims;
  if (dims && dims.length >= 2) return dims;
  throw new PareError(
    "PARE_OPTION",
    dims ? `"${value}" of the ${who} has no channels.` : `the ${who} has no value "${value}" of a known shape.`,
  );
}

function regressor(
  build: Build,
  value: string,
  { from, to, rank, seed, index }: { from: number; to: number; rank: number; seed: number; index: number },
): string {
  const dims = [to, from, ...Array<number>(rank - 2).fill(1)];
  // As layers begin: uniform within ±1/√inputs.
  const lots = kernels.randomScores({ seed, stream: 2 ** 21 + index, count: to * from });
  const weights = lots.map((lot) => (2 * lot - 1) / Math.sqrt(from));
  const weight = build.weight(`regressor${index}`, Weight.of("float32", dims, weights));
  return rank === 2 ? build.op("Gemm", value, weight, undefined, { transB: 1 }) : build.op("Conv", value, weight);
}
