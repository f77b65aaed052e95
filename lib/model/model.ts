/** A model: its graph, its operator sets, and everything else that its file holds, kept as it came. */
import { create } from "@bufbuild/protobuf";
import type { Report } from "../report/index.js";
import { Graph } from "./graph.js";
import { GraphProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema, type ModelProto } from "./proto.js";
import { encodeInPieces } from "./encode.js";
import { upgradeOpset } from "./opset.js";
import { saveModel, type SaveOptions } from "./save.js";
import { inferShapes, type InferOptions, type Shapes } from "./shapes.js";

/** For models that are made from nothing. */
export interface CreateOptions {
  /** Version of ONNX's own operator set; default 17. */
  opset?: number;
  /** Version of the format; default 8, which opset 17 came with. */
  irVersion?: number;
  /** Name of the main graph; default "graph". */
  name?: string;
  /** What the file says of itself, by key. */
  metadata?: Readonly<Record<string, string>>;
}

export class Model {
  /** The whole file's messages, fields that pare does not know included; the faces over it keep no second truth. */
  readonly proto: ModelProto;
  readonly graph: Graph;
  /** The file that it was loaded from. */
  readonly path: string | undefined;
  /** Whether its weights came from files beside the model; save then writes them so again. */
  readonly hasExternalData: boolean;
  /** What the technique that made this model did. */
  report?: Report;
  /** Counts changes, so that what was derived from the model can tell that it is old. */
  revision = 0;
  /** Made when they are first asked for. */
  #valueNames: Names | undefined;
  #nodeNames: Names | undefined;
  #shapes: { revision: number; strict: boolean; shapes: Shapes } | undefined;

  /** Use load, Model.create or a technique. */
  constructor(proto: ModelProto, { path, hasExternalData = false }: { path?: string; hasExternalData?: boolean } = {}) {
    this.proto = proto;
    this.path = path;
    this.hasExternalData = hasExternalData;
    proto.graph ??= create(GraphProtoSchema);
    this.graph = new Graph(proto.graph, this);
  }

  /** An empty model, to be filled through its graph. */
  static create({ opset = 17, irVersion = 8, name = "graph", metadata = {} }: CreateOptions = {}): Model {
    return new Model(
      create(ModelProtoSchema, {
        irVersion: BigInt(irVersion),
        producerName: "pare",
        opsetImport: [{ domain: "", version: BigInt(opset) }],
        graph: { name },
        metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      }),
    );
  }

  /** What the file says of itself, by key. */
  get metadata(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.proto.metadataProps.map(({ key, value }) => [key, value]));
  }

  /** Version of an operator set that the model imports; the domain's default is ONNX's own. */
  opset(domain = ""): number | undefined {
    const found = this.proto.opsetImport.find((one) => sameDomain(one.domain, domain));
    return found && Number(found.version);
  }

  /** Says which version of an operator set the model uses; changes no node (upgradeOpset does). */
  setOpset(domain: string, version: number): void {
    const found = this.proto.opsetImport.find((one) => sameDomain(one.domain, domain));
    if (found) found.version = BigInt(version);
    else this.proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }));
    this.changed();
  }

  /**
   * Element type and shape of every value, from the inputs' declared types and the ops' rules, symbols included; what the
   * file declares fills in what no rule tells. Remembered until the model changes.
   * @throws Error PARE_SHAPE, PARE_TYPE, PARE_OPTION or PARE_MODEL for a node whose inputs or attributes do not fit, by
   * name; with `strict` also PARE_UNSUPPORTED for ops that pare does not know.
   */
  inferShapes({ strict = false }: InferOptions = {}): Shapes {
    if (this.#shapes?.revision !== this.revision || this.#shapes.strict !== strict)
      this.#shapes = { revision: this.revision, strict, shapes: inferShapes(this, { strict }) };
    return this.#shapes.shapes;
  }

  /**
   * Raises the version of ONNX's own operators (6 to 21), changing nodes where an operator changed (axes that became inputs,
   * Softmax over rows, Upsample, …), so that the model computes what it did. A model that is refused stays as it was.
   * @throws PareError PARE_UNSUPPORTED naming the nodes that cannot follow, PARE_OPTION for a version below the model's own
   * or above the newest that pare knows.
   */
  upgradeOpset(version: number): this {
    upgradeOpset(this, version);
    return this;
  }

  /**
   * Raises the version of the format, if it is below. Before version 4 every initializer had to be listed as an input, and
   * runtimes take it for a constant; later such an input can be overridden. So the list goes when 4 is passed.
   * @returns whether the version changed.
   */
  raiseIrVersion(version: number): boolean {
    if (Number(this.proto.irVersion) >= version) return false;
    if (Number(this.proto.irVersion) < 4 && version >= 4) {
      const held = new Set(this.graph.proto.initializer.map(({ name }) => name));
      this.graph.proto.input = this.graph.proto.input.filter(({ name }) => !held.has(name));
    }
    this.proto.irVersion = BigInt(version);
    this.changed();
    return true;
  }

  /** A model of its own messages that shares the weights' bytes with this one. */
  clone(): Model {
    const copy = new Model(cloneSharing(this.proto), {
      ...(this.path === undefined ? {} : { path: this.path }),
      hasExternalData: this.hasExternalData,
    });
    return copy;
  }

  /** The encoded model; PARE_FILE past protobuf's limit of 2 GB, where save with external data helps. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const { pieces, byteLength } = encodeInPieces(this.proto);
    const bytes = new Uint8Array(byteLength);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return bytes;
  }

  /**
   * Writes the model: beside the target, then renamed, so that a failed save leaves the old file as it was and saving over
   * the input is safe. A path that ends in .safetensors gets the weights alone. Options and errors: see SaveOptions.
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    await saveModel(this, path, options);
  }

  /** Something in the messages changed. */
  changed(): void {
    this.revision++;
  }

  /** A name that no value in the model has, in graphs inside nodes too: `base`, or `base` with a number. It is taken from then on. */
  uniqueName(base: string): string {
    return this.#values().take(base);
  }

  /** The same for nodes, whose names have nothing to do with those of values. */
  uniqueNodeName(base: string): string {
    this.#nodeNames ??= new Names([...this.graph.walk()].flatMap(({ nodes }) => nodes.map(({ name }) => name)));
    return this.#nodeNames.take(base);
  }

  /** Whether a value of the model has this name. */
  hasName(name: string): boolean {
    return this.#values().has(name);
  }

  /** Takes a value's name, so that uniqueName will not give it. */
  reserveName(name: string): void {
    this.#valueNames?.add(name);
  }

  /** A node has gone, and its name may be given again. */
  releaseNodeName(name: string): void {
    this.#nodeNames?.delete(name);
  }

  #values(): Names {
    return (this.#valueNames ??= new Names(namesOf(this.graph)));
  }
}

/** Names in use, and the next numbers to try for new ones. */
class Names {
  readonly #used: Set<string>;
  readonly #next = new Map<string, number>();

  constructor(used: Iterable<string>) {
    this.#used = new Set(used);
  }

  has(name: string): boolean {
    return this.#used.has(name);
  }
  add(name: string): void {
    this.#used.add(name);
  }
  delete(name: string): void {
    this.#used.delete(name);
  }

  take(base: string): string {
    let name = base;
    if (this.#used.has(base)) {
      let number = this.#next.get(base) ?? 1;
      while (this.#used.has((name = `${base}_${number}`))) number++;
      this.#next.set(base, number + 1);
    }
    this.#used.add(name);
    return name;
  }
}

const sameDomain = (a: string, b: string): boolean => (a === "ai.onnx" ? "" : a) === (b === "ai.onnx" ? "" : b);

function namesOf(main: Graph): Set<string> {
  const names = new Set<string>();
  for (const graph of main.walk()) {
    const { input, output, valueInfo, initializer } = graph.proto;
    for (const list of [input, output, valueInfo, initializer]) for (const { name } of list) names.add(name);
    for (const { values } of graph.proto.sparseInitializer) names.add(values?.name ?? "");
    for (const node of graph.nodes) for (const name of [...node.inputs, ...node.outputs]) names.add(name);
  }
  return names;
}

/** A deep copy of messages that shares byte fields: they are never changed in place. */
function cloneSharing(proto: ModelProto): ModelProto {
  const copy = <Value>(value: Value): Value => {
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) {
      // Lists of numbers may be long; no copy is made of what cannot change inside.
      return (typeof value[0] === "object" ? value.map((one: unknown) => copy(one)) : value.slice()) as Value;
    }
    const target = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
    for (const key of Object.keys(value)) target[key] = copy((value as Record<string, unknown>)[key]);
    return target as Value;
  };
  return copy(proto);
}
