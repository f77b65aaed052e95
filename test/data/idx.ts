/** Files in MNIST's format for tests. */

/** A file of this type code, dimensions and big-endian elements. */
export function idx(code: number, dims: readonly number[], bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head[2] = code;
  head[3] = dims.length;
  dims.forEach((dim, axis) => head.writeUInt32BE(dim, 4 + 4 * axis));
  return Buffer.concat([head, bytes]);
}
