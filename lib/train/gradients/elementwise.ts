/** Gradients of functions of one element, and of those that broadcast. */
import { PareError } from "../../errors.js";
import { broadcast, rule, unary, type GradientBuild, type Rule } from "./gradient.js";

/** dy where a condition holds, else zero. */
const where = (b: GradientBuild, condition: string, dy: string): string => b.op("Where", condition, dy, b.number(0));

const clip = unary((dy, x, y, b) => where(b, b.op("Equal", x, y), dy));
const identity = unary((dy) => dy);

export const elementwise: Record<string, Rule> = {
  Identity: identity,
  Dropout: identity,
  Cast: unary((dy, x, _y, b) =>
    b.op("Cast", dy, { to: b.dtype(x) === "float16" ? 10 : b.dtype(x) === "float64" ? 11 : 1 }),
  ),
  Neg: unary((dy, _x, _y, b) => b.op("Neg", dy)),
  Exp: unary((dy, _x, y, b) => b.op("Mul", dy, y)),
  Log: unary((dy, x, _y, b) => b.op("Div", dy, x)),
  Sqrt: unary((dy, _x, y, b) => b.op("Div", b.op("Mul", dy, b.number(0.5)), y)),
  Reciprocal: unary((dy, _x, y, b) => b.op("Neg", b.op("Mul", dy, b.op("Mul", y, y)))),
  Abs: unary((dy, x, _y, b) => b.op("Mul", dy, b.op("Sign", x))),
  Sin: unary((dy, x, _y, b) => b.op("Mul", dy, b.op("Cos", x))),
  Cos: unary((dy, x, _y, b) => b.op("Neg", b.op("Mul", dy, b.op("Sin", x)))),
  Tanh: unary((dy, _x, y, b) => b.op("pare.TanhGrad", dy, y)),
  Sigmoid: unary((dy, _x, y, b) => b.op("pare.SigmoidGrad", dy, y)),
  Softplus: unary((dy, x, _y, b) => b.op("Mul", dy, b.op("Sigmoid", x))),
  Relu: unary((dy, _x, y, b) => b.op("pare.ReluGrad", dy, y)),
  LeakyRelu: unary((dy, x, _y, b, node) => {
    const slope = b.op("Mul", dy, b.number(b.numberOf(node, "alpha", 0.01)));
    return b.op("Where", b.op("Greater", x, b.number(0)), dy, slope);
  }),
  // y = α(eˣ − 1) below zero, whose slope is y + α
  Elu: unary((dy, x, y, b, node) => {
    const slope = b.op("Mul", dy, b.op("Add", y, b.number(b.numberOf(node, "alpha", 1))));
    return b.op("Where", b.op("Greater", x, b.number(0)), dy, slope);
  }),
  Erf: unary((dy, x, _y, b) => {
    const density = b.op("Exp", b.op("Neg", b.op("Mul", x, x)));
    return b.op("Mul", b.op("Mul", dy, density), b.number(2 / Math.sqrt(Math.PI)));
  }),
  Gelu: unary((dy, x, _y, b, node) =>
    b.op("pare.GeluGrad", dy, x, { approximate: node.attribute("approximate") ?? "none" }),
  ),
  "com.microsoft.Gelu": unary((dy, x, _y, b) => b.op("pare.GeluGrad", dy, x)),
  "com.microsoft.FastGelu": unary((dy, x, _y, b, node) => {
    if (node.inputs.length > 1)
      throw new PareError("PARE_UNSUPPORTED", `${node.label}: FastGelu with a bias has no gradient yet.`);
    return b.op("pare.GeluGrad", dy, x, { approximate: "tanh" });
  }),
  // y = x·s, s = σ(αx): s·(1 + α(x − y))
  "com.microsoft.QuickGelu": unary((dy, x, y, b, node) => {
    const alpha = b.number(b.numberOf(node, "alpha", 1.702));
    const s = b.op("Sigmoid", b.op("Mul", x, alpha));
    return b.op("Mul", dy, b.op("Mul", s, b.op("Add", b.op("Mul", alpha, b.op("Sub", x, y)), b.number(1))));
  }),
  // α where 0 < y < 1
  HardSigmoid: unary((dy, _x, y, b, node) => {
    const inside = b.op("And", b.op("Greater", y, b.number(0)), b.op("Less", y, b.number(1)));
    return where(b, inside, b.op("Mul", dy, b.number(b.numberOf(node, "alpha", 0.2))));
  }),
  // 0 below −3, 1 above 3, between (2x + 3)/6
  HardSwish: unary((dy, x, _y, b) => {
    const slope = b.op("Add", b.op("Mul", x, b.number(1 / 3)), b.number(0.5));
    const upper = b.op("Where", b.op("Less", x, b.number(3)), slope, b.number(1));
    return where(b, b.op("Greater", x, b.number(-3)), b.op("Mul", dy, upper));
  }),
  Clip: clip,

  Add: broadcast((_node, [dy]) => [dy, dy]),
  Sub: broadcast((node, [dy], b) => [dy, b.needs(node, 1) ? b.op("Neg", dy) : undefined]),
  Mul: broadcast((node, [dy], b) => {
    const [x, y] = [node.inputs[0]!, node.inputs[1]!];
    return [b.needs(node, 0) ? b.op("Mul", dy, y) : undefined, b.needs(node, 1) ? b.op("Mul", dy, x) : undefined];
  }),
  // d(x/y) = dy/y, −dy·(x/y)/y
  Div: broadcast((node, [dy], b) => {
    const [divisor, quotient] = [node.inputs[1]!, node.outputs[0]!];
    const first = b.op("Div", dy, divisor);
    return [first, b.needs(node, 1) ? b.op("Neg", b.op("Mul", first, quotient)) : undefined];
  }),
  // d(xᵉ) = e·xᵉ⁻¹, xᵉ·ln x, which is 0 for x = 0 as in PyTorch
  Pow: broadcast((node, [dy], b) => {
    const [x, e] = [node.inputs[0]!, node.inputs[1]!];
    const exponent = b.dtype(e) === "float32" ? e : b.op("Cast", e, { to: 1 });
    const base = (): string => {
      const known = b.graph.weight(e);
      if (known?.elementCount === 1 && known.toFloats()[0] === 2) return b.op("Mul", b.op("Mul", dy, x), b.number(2));
      const power = b.op("Pow", x, b.op("Sub", exponent, b.number(1)));
      return b.op("Mul", dy, b.op("Mul", exponent, power));
    };
    const power = (): string => {
      const isPositive = b.op("Greater", x, b.number(0));
      const logarithm = b.op("Log", b.op("Where", isPositive, x, b.number(1)));
      return b.op("Mul", dy, b.op("Mul", node.outputs[0], logarithm));
    };
    return [b.needs(node, 0) ? base() : undefined, b.needs(node, 1) ? power() : undefined];
  }),
  // The first of equal ones has it all.
  Max: broadcast((node, [dy], b) => extreme(node.inputs, dy!, b, "GreaterOrEqual")),
  Min: broadcast((node, [dy], b) => extreme(node.inputs, dy!, b, "LessOrEqual")),
  Sum: broadcast((node, [dy]) => node.inputs.map(() => dy)),
  Where: broadcast((node, [dy], b) => {
    const condition = node.inputs[0]!;
    return [
      undefined,
      b.needs(node, 1) ? where(b, condition, dy!) : undefined,
      b.needs(node, 2) ? b.op("Where", condition, b.number(0), dy) : undefined,
    ];
  }),
  PRelu: broadcast((node, [dy], b) => {
    const [x, slope] = [node.inputs[0]!, node.inputs[1]!];
    const isPositive = b.op("Greater", x, b.number(0));
    return [
      b.needs(node, 0) ? b.op("Where", isPositive, dy, b.op("Mul", dy, slope)) : undefined,
      b.needs(node, 1) ? b.op("Where", isPositive, b.number(0), b.op("Mul", dy, x)) : undefined,
    ];
  }),
  Expand: broadcast((_node, [dy]) => [dy]),
  // No gradient passes: steps are flat.
  Sign: rule(() => []),
  Floor: rule(() => []),
  Ceil: rule(() => []),
  Round: rule(() => []),
  Shape: rule(() => []),
  Size: rule(() => []),
  "pare.DropoutMask": rule(() => []),
};

function extreme(
  inputs: readonly string[],
  dy: string,
  b: GradientBuild,
  comparison: string,
): readonly (string | undefined)[] {
  if (inputs.length === 1) return [dy];
  if (inputs.length > 2) throw new PareError("PARE_UNSUPPORTED", "the gradient of Max and Min knows two inputs.");
  const wins = b.op(comparison, inputs[0], inputs[1]);
  return [where(b, wins, dy), b.op("Where", wins, b.number(0), dy)];
}
