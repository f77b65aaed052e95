/** The activation that a product or a convolution can end with, as ONNX Runtime's FusedConv names it. */
import type { AttributeValue, Node } from "../../model/index.js";
import type { Site } from "./site.js";

export interface EpilogueActivation {
  node: Node;
  attributes: Record<string, AttributeValue>;
}

const plain = new Set(["Relu", "HardSwish", "Sigmoid", "Tanh"]);

/** The activation that alone reads a node's result; undefined where there is none that an epilogue does. */
export function activationOf(site: Site, before: Node): EpilogueActivation | undefined {
  const node = site.soleReader(before.outputs[0]!);
  if (!node || node.inputs[0] !== before.outputs[0]) return undefined;
  const number = (name: string, value: number): number => (node.attribute(name) as number | undefined) ?? value;
  const named = (activation: string, ...numbers: number[]): EpilogueActivation => ({
    node,
    attributes: { activation, ...(numbers.length > 0 ? { activation_params: numbers } : {}) },
  });
  if (node.domain === "com.microsoft") {
    if (node.opType === "Gelu" && node.inputs.length === 1) return named("Gelu");
    if (node.opType === "FastGelu" && node.inputs.length === 1) return named("FastGelu");
    if (node.opType === "QuickGelu" && number("alpha", 1.702) === 1) return named("Silu");
    return undefined;
  }
  if (node.domain !== "") return undefined;
  if (plain.has(node.opType)) return named(node.opType);
  switch (node.opType) {
    case "LeakyRelu":
      return named("LeakyRelu", number("alpha", 0.01));
    case "HardSigmoid":
      return named("HardSigmoid", number("alpha", 0.2), number("beta", 0.5));
    case "Gelu":
      return named(node.attribute("approximate") === "tanh" ? "FastGelu" : "Gelu");
    case "Clip": {
      const bound = (index: number, name: string, none: number): number | undefined => {
        const input = node.inputs[index] ?? "";
        if (input !== "") return site.number(input);
        return number(name, none);
      };
      const [least, most] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
      return least === undefined || most === undefined ? undefined : named("Clip", least, most);
    }
    default:
      return undefined;
  }
}
