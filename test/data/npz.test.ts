/** NumPy's archives: stored, deflated, of 64-bit sizes, damaged. */
import { deflateRawSync } from "node:zlib";
import { Tensor } from "../../lib/index.js";
import { decodeNpz, encodeNpy } from "../../lib/data/index.js";
import { expectError } from "../errors.js";

interface ZipOptions {
  method?: number;
  zip64?: boolean;
  /** What the directory says of the unpacked size. */
  claimed?: number;
}

/** A zip archive of these files, as Python's zipfile writes it. */
function zip(files: Record<string, Uint8Array>, { method = 0, zip64 = false, claimed }: ZipOptions = {}): Uint8Array {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const packed = method === 8 ? deflateRawSync(bytes) : Buffer.from(bytes);
    const head = Buffer.alloc(30);
    head.write("PK\u0003\u0004", "latin1");
    head.writeUInt16LE(method, 8);
    head.writeUInt16LE(name.length, 26);
    local.push(head, Buffer.from(name), packed);
    const size = claimed ?? bytes.length;
    const extra = Buffer.alloc(zip64 ? 20 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(16, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
    }
    const entry = Buffer.alloc(46);
    entry.write("PK\u0001\u0002", "latin1");
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(zip64 ? 0xffffffff : packed.length, 20);
    entry.writeUInt32LE(zip64 ? 0xffffffff : size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name), extra);
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", "latin1");
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, ...directory, end]);
}

const x = new Tensor(
  "float32",
  Float32Array.from({ length: 60 }, (_, i) => i),
  [20, 3],
);
const y = new Tensor("int64", BigInt64Array.of(1n, 2n), [2]);
const files = { "x.npy": encodeNpy(x), "y.npy": encodeNpy(y), "notes.txt": Buffer.from("no array") };

test.each<[string, ZipOptions]>([
  ["stored", {}],
  ["deflated", { method: 8 }],
  ["with sizes of 64 bits", { zip64: true }],
  ["both", { method: 8, zip64: true }],
])("%s", (_, options) => {
  const arrays = decodeNpz(zip(files, options), "a.npz");
  expect(Object.keys(arrays)).toEqual(["x", "y"]);
  expect([arrays.x!.dims, arrays.x!.data, arrays.y!.data]).toEqual([x.dims, x.data, y.data]);
});

test.each<[string, Uint8Array, RegExp]>([
  ["text", Buffer.from("hello"), /a\.npz: this is not a \.npz file/],
  ["nothing", new Uint8Array(0), /not a \.npz file/],
  ["one without its end", zip(files).subarray(0, -30), /not a \.npz file/],
  ["one without its beginning", zip(files).subarray(100), /damaged|not where it should be|directory/],
  ["an unknown method", zip(files, { method: 99 }), /"x\.npy" is packed by method 99/],
  ["a bomb", zip({ "x.npy": new Uint8Array(1 << 20) }, { method: 8, claimed: 100 }), /cannot be unpacked/],
  ["a size too large", zip(files, { method: 8, claimed: 1e6 }), /unpacks to \d+ bytes instead of 1000000/],
  ["text for an array", zip({ "x.npy": Buffer.from("text") }), /array "x\.npy" is not a \.npy file/],
])("refuses %s", (_, bytes, message) => {
  expectError(() => decodeNpz(bytes, "a.npz"), "PARE_FILE", message);
});

test("every damage of a byte is read or refused, never worse", () => {
  const whole = zip(files, { method: 8, zip64: true });
  let state = 1;
  for (let round = 0; round < 500; round++) {
    const bytes = Uint8Array.from(whole);
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[state % bytes.length]! ^= 1 << (round % 8);
    try {
      decodeNpz(bytes, "a.npz");
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^PARE_/);
    }
  }
});
