/** Damage to models: flipped bits and changed fields, repeatable by the random numbers that are handed in. */
import { binding } from "../../lib/binding.js";
import type { Model } from "../../lib/model/index.js";
import { AttributeProto_AttributeType as Type, type TensorProto } from "../../lib/model/proto.js";

export type Random = () => number;

export const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)]!;

/** The bytes with up to four of their bits turned over; most of them near the start, where structure is. */
export function damageBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const flips = 1 + Math.floor(random() * 4);
  for (let i = 0; i < flips; i++) {
    const reach = random() < 0.7 ? Math.min(copy.length, 4096) : copy.length;
    copy[Math.floor(random() * reach)]! ^= 1 << Math.floor(random() * 8);
  }
  return random() < 0.1 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy;
}

const extremes = [
  0,
  1,
  -1,
  2,
  -2,
  3,
  63,
  64,
  65,
  1024,
  1025,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
].map(BigInt);
extremes.push(2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) + 1n, 2n ** 31n + 1n);

/** A number at which careless arithmetic breaks. */
export const extreme = (random: Random): bigint => pick(extremes, random);

/** Changes something of what shapes depend on, in place: attributes, dimensions, connections, operators, integers. */
export function damageGraph(model: Model, random: Random): void {
  const { proto } = model.graph;
  const node = pick(proto.node, random);
  switch (Math.floor(random() * 9)) {
    case 0:
      for (const { type, ints } of node.attribute)
        if (type === Type.INTS && ints.length > 0) ints[Math.floor(random() * ints.length)] = extreme(random);
      for (const attribute of node.attribute) if (attribute.type === Type.INT) attribute.i = extreme(random);
      break;
    case 1:
      for (const { ints, floats } of node.attribute) {
        while (ints.length > 0 && ints.length < 9) ints.push(extreme(random));
        while (floats.length > 0 && floats.length < 9) floats.push(pick([NaN, Infinity, -1, 0, 1e30, 1e-30], random));
      }
      break;
    case 2:
      for (const { type } of proto.input)
        if (type?.value.case === "tensorType")
          for (const dim of type.value.value.shape?.dim ?? [])
            if (random() < 0.5) dim.value = { case: "dimValue", value: extreme(random) };
      break;
    case 3:
      if (node.input.length > 0)
        node.input[Math.floor(random() * node.input.length)] = pick(
          ["", "nowhere", ...proto.input.map(({ name }) => name), ...pick(proto.node, random).output],
          random,
        );
      break;
    case 4:
      node.opType = pick(binding.operators(), random).name;
      break;
    case 5:
      node.input.push(...node.input);
      break;
    case 6:
      node.attribute.splice(Math.floor(random() * node.attribute.length), 1);
      break;
    case 7:
      for (const tensor of tensorsOf(model)) {
        if (tensor.dataType !== 7 || random() < 0.5) continue;
        const count = tensor.rawData.byteLength / 8;
        const values = BigInt64Array.from({ length: count }, () => extreme(random));
        tensor.rawData = new Uint8Array(values.buffer);
      }
      break;
    default:
      proto.node.splice(Math.floor(random() * proto.node.length), 1);
  }
}

/** Changes something else of a file: tensors' types, dimensions and bytes, names, kinds of attributes, versions. */
export function damageFields(model: Model, random: Random): void {
  const { proto } = model.graph;
  const node = pick(proto.node, random);
  const tensors = tensorsOf(model);
  const tensor = tensors.length > 0 ? pick(tensors, random) : undefined;
  const names = [...proto.input, ...proto.output, ...proto.initializer].map(({ name }) => name);
  names.push(...proto.node.flatMap(({ input, output }) => [...input, ...output]), "");
  switch (Math.floor(random() * 11)) {
    case 0:
      if (tensor) tensor.dataType = Math.floor(random() * 25);
      break;
    case 1:
      if (tensor && tensor.dims.length > 0) tensor.dims[Math.floor(random() * tensor.dims.length)] = extreme(random);
      break;
    case 2:
      // The same number of elements in another shape.
      if (tensor) tensor.dims = pick([[], [...tensor.dims].reverse(), [1n, ...tensor.dims], [0n]], random);
      break;
    case 3:
      if (tensor) tensor.rawData = tensor.rawData.slice(0, Math.floor(random() * tensor.rawData.byteLength));
      break;
    case 4:
      if (tensor) tensor.name = pick(names, random);
      break;
    case 5:
      if (node.output.length > 0) node.output[Math.floor(random() * node.output.length)] = pick(names, random);
      break;
    case 6:
      for (const { type } of [...proto.input, ...proto.output])
        if (type?.value.case === "tensorType" && random() < 0.5) type.value.value.elemType = Math.floor(random() * 25);
      break;
    case 7:
      for (const attribute of node.attribute) if (random() < 0.5) attribute.type = pick(attributeTypes, random);
      break;
    case 8:
      for (const one of model.proto.opsetImport) if (random() < 0.8) one.version = BigInt(Math.floor(random() * 24));
      break;
    case 9:
      for (const attribute of node.attribute) {
        if (attribute.type === Type.FLOAT) attribute.f = pick([NaN, Infinity, -Infinity, 0, -1, 1e30], random);
        if (attribute.type === Type.STRING) attribute.s = new TextEncoder().encode(pick(texts, random));
      }
      break;
    default:
      if (proto.output.length > 0) pick(proto.output, random).name = pick(names, random);
  }
}

const attributeTypes = Object.values(Type).filter((type): type is Type => typeof type === "number");
const texts = [
  "",
  "linear",
  "cubic",
  "nearest",
  "reflect",
  "wrap",
  "SAME_UPPER",
  "VALID",
  "add",
  "ij,jk->ik",
  "bidirectional",
];

function tensorsOf(model: Model): TensorProto[] {
  const { initializer, node } = model.graph.proto;
  return [...initializer, ...node.flatMap(({ attribute }) => attribute.flatMap(({ t }) => t ?? []))];
}
