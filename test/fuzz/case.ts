/** One damaged model through load, compile and run: refused with a code, or run. Everything else is a finding. */
import { compile, load, Model, Tensor, type InferenceSession } from "../../lib/index.js";
import { typedArrayOf } from "../../lib/model/weight.js";
import { randomNumbers } from "../kernels/levels.js";
import { damageBytes, damageFields, damageGraph, extreme, pick, type Random } from "./mutate.js";
import { seeds } from "./seeds.js";

/** What a run may take. */
export const memoryLimit = 256 * 2 ** 20;
/** After this long a run is aborted: a loop without end is the model's right. */
const patienceMs = 2000;

export interface Outcome {
  seed: string;
  /** How far it came: its error's code, or "ran". */
  end: string;
  stage: "load" | "compile" | "run" | "release";
  message: string;
  /** What is wrong with that, if anything. */
  finding?: string;
}

/** The case of this number, the same at every call. */
export async function runCase(number: number): Promise<Outcome> {
  const random = randomNumbers(Math.imul(number + 1, 0x9e3779b1));
  const seed = await pick(seeds, random)();
  const outcome: Outcome = { seed: seed.name, end: "ran", stage: "load", message: "" };
  try {
    const model = await damaged(seed.bytes, random);
    outcome.stage = "compile";
    const session = await compile(model, {
      memoryLimit,
      ...(random() < 0.5 ? { threads: 2 } : {}),
      optimize: random() < 0.8,
    });
    outcome.stage = "run";
    for (let round = 0; round < 3; round++) await runOnce(session, round === 0 ? seed.feeds : undefined, random);
    outcome.stage = "release";
    await session.release();
  } catch (error) {
    judge(error, outcome);
  }
  return outcome;
}

async function damaged(bytes: Uint8Array, random: Random): Promise<Model> {
  if (random() < 0.3) return load(damageBytes(bytes, random));
  const model = await load(bytes);
  const count = 1 + Math.floor(random() * 3);
  for (let i = 0; i < count; i++)
    if (model.graph.proto.node.length > 0) (random() < 0.5 ? damageGraph : damageFields)(model, random);
  // A model that was built may be as wrong as a file, and nobody has looked through it.
  return random() < 0.3 ? new Model(model.proto) : load(model.toBytes());
}

async function runOnce(
  session: InferenceSession,
  given: readonly (Tensor | undefined)[] | undefined,
  random: Random,
): Promise<void> {
  const feeds: Record<string, Tensor> = {};
  session.inputMetadata.forEach((input, i) => {
    const own = random() < 0.8 ? given?.[i] : undefined;
    const tensor = own ?? (input.isTensor ? feedFor(input.type, input.shape, random) : undefined);
    if (tensor) feeds[input.name] = tensor;
  });
  const started = performance.now();
  try {
    await session.run(feeds, { signal: AbortSignal.timeout(patienceMs) });
  } catch (error) {
    if ((error as Error).name === "TimeoutError") return;
    // A feed that does not fit says nothing of the model.
    if (given) throw error;
    const outcome = { end: "" } as Outcome;
    judge(error, outcome);
    if (outcome.finding !== undefined) throw error;
    return;
  }
  if (performance.now() - started < patienceMs / 10) session.runSync(feeds);
}

/** Of the declared shape, or nearly; too large ones become small, and are refused. */
function feedFor(type: Tensor.Type, shape: readonly (number | string)[], random: Random): Tensor | undefined {
  if (type === "string") return undefined;
  let dims = shape.map((dim) => (typeof dim === "number" && dim >= 0 ? dim : Math.floor(random() * 4)));
  if (random() < 0.05) dims.push(2);
  let count = dims.reduce((product, dim) => product * dim, 1);
  if (!(count <= 2 ** 20 && dims.every(Number.isSafeInteger))) {
    dims = dims.map((dim) => Math.min(dim, 2));
    count = dims.reduce((product, dim) => product * dim, 1);
    if (count > 2 ** 20) return undefined;
  }
  const bytes = new Uint8Array(count * bytesOf(type));
  const isOdd = random() < 0.1;
  const data = typedArrayOf(type, bytes.buffer);
  for (let i = 0; i < count; i++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[i] = isOdd ? extreme(random) : BigInt(Math.floor(random() * 4));
    else if (data instanceof Float32Array || data instanceof Float64Array)
      data[i] = isOdd ? pick([NaN, Infinity, -Infinity, 1e30, -0], random) : random() * 2 - 1;
    else if (type === "bool") (data as Uint8Array)[i] = random() < 0.5 ? 1 : 0;
    else (data as Int32Array)[i] = isOdd ? Math.floor((random() - 0.5) * 2 ** 33) : Math.floor(random() * 4);
  }
  return new Tensor(type as "float32", data as Float32Array, dims);
}

function bytesOf(type: Tensor.Type): number {
  if (type.endsWith("64")) return 8;
  if (type.endsWith("32")) return 4;
  return type.endsWith("16") ? 2 : 1;
}

function judge(error: unknown, outcome: Outcome): void {
  const { code, message, stack } = error as { code?: unknown; message?: unknown; stack?: string };
  outcome.end = typeof code === "string" ? code : "no code";
  outcome.message = String(message);
  if (!outcome.end.startsWith("PARE_")) outcome.finding = `an error without a code: ${stack ?? String(error)}`;
  else if (outcome.message.length < 10) outcome.finding = `an error that says nothing: "${outcome.message}"`;
}
