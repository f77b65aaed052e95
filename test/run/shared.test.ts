/** One plan in many threads: right answers, and a clear error once nobody has it any more. */
import { join } from "node:path";
import { compile, InferenceSession, Tensor } from "../../lib/index.js";
import { encoder, mlp } from "../models.js";
import { runShared } from "./shared.js";

const root = join(__dirname, "../..");

test("workers run sessions of one plan, aborts and all", async () => {
  const session = await compile(encoder({ layers: 1, width: 64, hidden: 128, heads: 4 }));
  const dims = [1, 9, 64];
  const data = Float32Array.from({ length: 9 * 64 }, (_, i) => Math.sin(i));
  const wanted = (await session.run({ x: new Tensor("float32", data, dims) })).y!.data as Float32Array;
  const counts = await runShared(root, {
    pare: join(root, "build-test/index.js"),
    ...{ shared: session.share(), workers: 4, sessions: 2, runs: 25, input: { data, dims }, wanted },
  });
  expect(counts.wrong).toBe(0);
  expect(counts.right + counts.aborted).toBe(200);
  expect(counts.right).toBeGreaterThan(20);
  await session.release();
});

test("a shared plan outlives the session that shared it, and ends with the last", async () => {
  const first = await compile(mlp([4, 3, 2]));
  const shared = structuredClone(first.share());
  const second = InferenceSession.fromShared(shared);
  expect(second.inputNames).toEqual(first.inputNames);
  const feeds = { x: new Tensor("float32", Float32Array.of(1, 2, 3, 4), [1, 4]) };
  const { data: wanted } = first.runSync(feeds).y!;
  await first.release();
  expect(second.runSync(feeds).y!.data).toEqual(wanted);
  await second.release();
  expect(() => InferenceSession.fromShared(shared)).toThrow(
    expect.objectContaining({ code: "PARE_OPTION", message: expect.stringMatching(/no session/) as string }) as Error,
  );
  expect(() => first.share()).toThrow("released");
});
