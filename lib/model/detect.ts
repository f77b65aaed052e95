/** What a file is that is no ONNX model, in words that say what to do about it. */

const known: [signature: RegExp, what: string][] = [
  [/^$/, "it is empty"],
  [
    /^version https:\/\/git-lfs/,
    "it is a Git LFS pointer, not the file itself; fetch that with git lfs pull, or download it from the hub",
  ],
  [
    /^PK\x03\x04/,
    "it is a zip archive, such as PyTorch and Keras write; unpack it, or export the model to ONNX (torch.onnx.export)",
  ],
  [
    /^\x80[\x02-\x05]/,
    "it is a Python pickle, such as older PyTorch writes; export the model to ONNX (torch.onnx.export)",
  ],
  [/^\x89HDF/, "it is an HDF5 file, such as Keras writes; convert the model to ONNX first (tf2onnx)"],
  [/^GGUF/, "it is a GGUF file, which llama.cpp reads; look for the model's ONNX export"],
  [/^.{4}TFL3/s, "it is a TensorFlow Lite file; convert the model to ONNX first (tf2onnx --tflite)"],
  [/^.{4}ORTM/s, "it is in ONNX Runtime's own .ort format; use the .onnx file that it was made from"],
  [/^\x93NUMPY/, "it is a NumPy array"],
  [/^(\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!)/, "it is compressed; unpack it first"],
  [/^\s*<(!doctype|html|\?xml)/i, "it is a web page: the download may have failed, or asked for a login"],
];

/** Whether the bytes are laid out as safetensors: a header's length, then the header, which is JSON. */
export function looksLikeSafetensors(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 10 || bytes[8] !== 0x7b) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(bytes.byteLength - 8);
}

/** What a file of another kind is; undefined where it may well be ONNX. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const found = known.find(([signature]) => signature.test(startOf(bytes, 256)));
  if (found) return found[1];
  return looksLikeSafetensors(bytes) ? 'it is a safetensors file; name it "….safetensors" to open it' : undefined;
}

/** Whether bytes that did not decode read like text. */
export function looksLikeText(bytes: Uint8Array): boolean {
  return /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(startOf(bytes, 512));
}

function startOf(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length));
}
