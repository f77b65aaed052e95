/** What a session says of itself: its nodes, what was fused, how long each takes. */
import { compile, profile, Tensor } from "../../lib/index.js";
import { encoder, mlp } from "../models.js";

test("counts the time of each node between start and end, from zero each time", async () => {
  const session = await compile(encoder({ layers: 1, width: 32, hidden: 64, heads: 4 }));
  const feeds = { x: new Tensor("float32", new Float32Array(9 * 32).fill(0.5), [1, 9, 32]) };
  session.runSync(feeds);
  expect(session.stats).toMatchObject({ profiledRuns: 0 });
  expect(session.stats.nodes.every(({ milliseconds }) => milliseconds === 0)).toBe(true);
  expect(session.stats.arenaBytes).toBeGreaterThan(0);
  session.startProfiling();
  session.runSync(feeds);
  await session.run(feeds);
  session.endProfiling();
  session.runSync(feeds);
  const { nodes, fusions, profiledRuns } = session.stats;
  expect(profiledRuns).toBe(2);
  expect(nodes.map(({ op }) => op)).toContain("MultiHeadAttention");
  expect(nodes.every(({ op, milliseconds }) => op === "Reshape" || milliseconds > 0)).toBe(true);
  expect(fusions.filter(({ fusion, reason }) => fusion === "linear" && reason === undefined)).toHaveLength(6);
  session.startProfiling();
  expect(session.stats.profiledRuns).toBe(0);
});

test("a released session has no statistics", async () => {
  const session = await compile(mlp());
  await session.release();
  expect(() => session.stats).toThrow("released");
});

test("profile tells where a model's time goes", async () => {
  const summary = await profile(mlp(), { dims: { N: 4 }, runs: 2, threads: 1 });
  expect(summary.toJSON()).toMatchObject({ profiledRuns: 2, inputs: [{ name: "x", dims: [4, 784] }] });
  const text = summary.toString({ rows: 1 });
  expect(text).toMatch(/^fused +linear 3$/m);
  expect(text).toMatch(/^pare\.Linear +3 .* 100(\.0)? %$/m);
  expect(text).toContain("2 faster nodes");
  await expect(profile(mlp(), { runs: 0 })).rejects.toMatchObject({ code: "PARE_OPTION" });
});
