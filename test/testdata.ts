/** ONNX's own conformance tests, where Debian's libonnx-testdata is installed. */
import { fromBinary } from "@bufbuild/protobuf";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataTypeOf } from "../lib/model/index.js";
import { TensorProtoSchema, type TensorProto } from "../lib/model/proto.js";

export const root = "/usr/share/libonnx-testdata/data";
export const isInstalled = existsSync(root);

/** The folders of a kind's cases ("node", "simple", …), each with a model.onnx and test_data_set_N. */
export const casesOf = (kind: string): string[] => readdirSync(join(root, kind)).map((name) => join(root, kind, name));

/** The folders of a case's data. */
export const setsOf = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.startsWith("test_data_set"))
    .map((name) => join(path, name));

/** The inputs or outputs of a set; undefined for what is no tensor. */
export function tensors(folder: string, kind: "input" | "output"): (TensorProto | undefined)[] {
  const count = readdirSync(folder).filter((name) => name.startsWith(`${kind}_`)).length;
  return Array.from({ length: count }, (_, i) => {
    const bytes = readFileSync(join(folder, `${kind}_${i}.pb`));
    // Sequences and optionals are other messages; the bytes of an absent optional are none.
    try {
      const tensor = fromBinary(TensorProtoSchema, bytes);
      return dataTypeOf(tensor.dataType) === undefined ? undefined : tensor;
    } catch {
      return undefined;
    }
  });
}
