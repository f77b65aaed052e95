/** Greedy CTC decoding and PP-OCR's alphabet. */
import { alphabetOf, decodeCtc } from "../../lib/demo/ocr/ctc.js";
import { expectError } from "../errors.js";

const alphabet = alphabetOf("a\nb\n\u3000\n");

/** Scores in which each step's class stands out. */
const steps = (...best: number[]): Float32Array =>
  Float32Array.from(best.flatMap((one) => alphabet.map((_, index) => (index === one ? 0.9 : 0.02))));

test("the alphabet begins with the blank, ends with a space, and keeps an ideographic space", () => {
  expect(alphabet).toEqual(["", "a", "b", "\u3000", " "]);
  expect(alphabetOf("a\r\nb")).toEqual(["", "a", "b", " "]);
});

test.each([
  ["nothing", [], ""],
  ["blanks only", [0, 0, 0], ""],
  ["one letter held over many steps", [0, 1, 1, 1, 0], "a"],
  ["a blank between two of the same", [1, 0, 1], "aa"],
  ["different letters without a blank", [1, 2, 1], "aba"],
  ["a space, the last class", [1, 4, 2, 2], "a b"],
])("reads %s", (_, best, text) => {
  expect(decodeCtc(steps(...best), alphabet.length, alphabet)).toBe(text);
});

test("of equal scores the first class wins", () => {
  expect(decodeCtc(new Float32Array(alphabet.length), alphabet.length, alphabet)).toBe("");
});

test("refuses an output of another alphabet", () => {
  expectError(
    () => decodeCtc(new Float32Array(6), 6, alphabet),
    "PARE_SHAPE",
    /rows of 6 classes; the key file names 5/,
  );
  expectError(() => decodeCtc(new Float32Array(7), 5, alphabet), "PARE_SHAPE", /7 values in rows of 5/);
});
