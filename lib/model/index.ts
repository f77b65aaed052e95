/** Models: opening, looking at, changing and saving them. */
export { bitsOf, byteLengthOf, codeOf, dataTypeOf, elementCountOf, type DataType } from "./dtype.js";
export { Graph, type NodeDescription, type Place } from "./graph.js";
export { load, loadSync, type LoadOptions } from "./load.js";
export { Model, type CreateOptions } from "./model.js";
export { Node, type AttributeKind, type AttributeValue } from "./node.js";
export type { SaveOptions } from "./save.js";
export type { InferOptions, InferredType, Shapes } from "./shapes.js";
export { allocateBytes } from "./storage.js";
export type { Dim, Value } from "./value.js";
export { Weight } from "./weight.js";
export { Build, type Attributes } from "./build.js";
