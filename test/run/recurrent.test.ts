/** LSTM, GRU and RNN beside onnxruntime: directions, lengths, peepholes, activations, constant and fed weights. */
import type { Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { differences, f32, i32, runNode, type OneNode } from "./fed-node.js";

let seed = 1;
const some = (...dims: number[]): Tensor =>
  f32(
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      seed++,
    ),
  );

const gates = { LSTM: 4, GRU: 3, RNN: 1 };
type Kind = keyof typeof gates;
const [steps, batch, input, hidden] = [7, 3, 10, 6];

interface Options {
  lengths?: number[];
  state?: boolean;
  peepholes?: boolean;
  bias?: boolean;
}
function layer(opType: Kind, attributes: OneNode["attributes"], options: Options = {}): OneNode {
  const directions = attributes?.direction === "bidirectional" ? 2 : 1;
  const rows = gates[opType] * hidden;
  const state = (): Tensor | null => (options.state ? some(directions, batch, hidden) : null);
  const inputs = [
    some(steps, batch, input),
    some(directions, rows, input),
    some(directions, rows, hidden),
    options.bias === false ? null : some(directions, 2 * rows),
    options.lengths ? i32([batch], options.lengths) : null,
    state(),
  ];
  if (opType === "LSTM") inputs.push(state(), options.peepholes ? some(directions, 3 * hidden) : null);
  return {
    title: `${opType} ${JSON.stringify({ ...attributes, ...options })}`,
    opType,
    inputs,
    attributes: { hidden_size: hidden, ...attributes },
    outputs: opType === "LSTM" ? ["float32", "float32", "float32"] : ["float32", "float32"],
  };
}

function* layers(): Generator<OneNode> {
  for (const opType of Object.keys(gates) as Kind[])
    for (const direction of ["forward", "reverse", "bidirectional"]) {
      yield layer(opType, { direction });
      yield { ...layer(opType, { direction }), weights: [1, 2, 3] };
      yield layer(opType, { direction }, { lengths: [7, 2, 5], state: true });
      yield layer(opType, { direction, clip: 0.3 }, { bias: false });
    }
  for (const direction of ["forward", "bidirectional"]) {
    yield layer("LSTM", { direction }, { peepholes: true, state: true });
    yield layer("LSTM", { direction, input_forget: 1 });
    for (const weights of [[], [1, 2]]) yield { ...layer("GRU", { direction, linear_before_reset: 1 }), weights };
  }
  yield layer("LSTM", {
    activations: ["HardSigmoid", "Relu", "Softsign"],
    activation_alpha: [0.3],
    activation_beta: [0.4],
  });
  yield layer("GRU", { activations: ["Sigmoid", "LeakyRelu"], activation_alpha: [0.2] });
  yield layer("RNN", { activations: ["Relu"] });
  yield layer("RNN", { activations: ["ScaledTanh"], activation_alpha: [0.8], activation_beta: [1.2] });
}

test("every kind of layer gives what onnxruntime's gives", async () => {
  expect(await differences([...layers()])).toEqual([]);
});

test("the batch may come first", async () => {
  const node = layer("LSTM", {});
  const first = await runNode(node);
  const [x, ...rest] = node.inputs as [Tensor, ...Tensor[]];
  const data = x.data as Float32Array;
  const turned = f32(
    [batch, steps, input],
    data.map((_, i) => {
      const [b, t, j] = [Math.floor(i / steps / input), Math.floor(i / input) % steps, i % input];
      return data[(t * batch + b) * input + j]!;
    }),
  );
  const results = await runNode({ ...node, inputs: [turned, ...rest], attributes: { hidden_size: hidden, layout: 1 } });
  expect(results.y0!.dims).toEqual([batch, steps, 1, hidden]);
  expect(results.y1!.dims).toEqual([batch, 1, hidden]);
  const [y, want] = [results.y0!.data as Float32Array, first.y0!.data as Float32Array];
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < steps; t++)
      for (let j = 0; j < hidden; j++)
        expect(y[(b * steps + t) * hidden + j]).toBeCloseTo(want[(t * batch + b) * hidden + j]!, 6);
});

const changed = (input: number, tensor: Tensor): OneNode => {
  const node = layer("LSTM", {}, { lengths: [1, 2, 3], state: true });
  return { ...node, inputs: node.inputs.map((one, i) => (i === input ? tensor : one)) };
};
const wrong: [string, OneNode, string, RegExp][] = [
  ["a length beyond the steps", changed(4, i32([3], [1, 8, 2])), "PARE_SHAPE", /length 8/],
  ["a negative length", changed(4, i32([3], [1, -1, 2])), "PARE_SHAPE", /length -1/],
  ["too few lengths", changed(4, i32([2], [1, 1])), "PARE_SHAPE", /sequence_lens/],
  ["a state of another batch", changed(5, some(1, 2, hidden)), "PARE_SHAPE", /initial_h/],
  ["a bias that is too short", changed(3, some(1, 10)), "PARE_SHAPE", /B is \[1, 10\]/],
  ["R of another size", changed(2, some(1, 4 * hidden, hidden + 1)), "PARE_SHAPE", /hidden_size|R /],
  ["an unknown activation", layer("RNN", { activations: ["Gelu"] }), "PARE_UNSUPPORTED", /gelu/],
  ["too few activations", layer("LSTM", { activations: ["Tanh"] }), "PARE_OPTION", /takes 3/],
];
test.each(wrong)("refuses %s", async (_title, node, code, message) => {
  await expectRejection(runNode(node), code, message);
});
