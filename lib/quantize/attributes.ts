/** Carrying attributes from a node to the one that takes its place. */
import type { Node } from "../model/index.js";

/** Gives `to` the attributes of `from`, save those named. The messages are shared: `from` is about to go. */
export function takeAttributes(to: Node, from: Node, ...except: string[]): void {
  to.proto.attribute.push(...from.proto.attribute.filter(({ name }) => !except.includes(name)));
}
