/** The tensor of a Constant node, in whichever attribute it is written. */
import type { Node } from "./node.js";
import { Weight } from "./weight.js";

/** The node's tensor; undefined for strings, sparse tensors and references to a function's parameter. */
export function constantTensor(node: Node): Weight | undefined {
  const value = node.attribute("value");
  if (value instanceof Weight) return value;
  const scalars = { value_float: "float32", value_int: "int64" } as const;
  for (const [name, dtype] of Object.entries(scalars)) {
    const one = node.attribute(name);
    if (typeof one === "number" || typeof one === "bigint") return Weight.of(dtype, [], [Number(one)]);
    const list = node.attribute(`${name}s`) as readonly (number | bigint)[] | undefined;
    if (list) return Weight.of(dtype, [list.length], list.map(Number));
  }
  return undefined;
}
