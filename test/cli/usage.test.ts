/** Help, versions and wrong usage of the command line. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createProgram } from "../../lib/cli/program.js";
import { pare, program } from "./pare.js";

const { version } = JSON.parse(readFileSync(join(__dirname, "../../package.json"), "utf8")) as { version: string };
const commands = createProgram().commands.map((command) => command.name());

test("--version prints the package's version", async () => {
  expect(await pare(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("--help lists every command; no command at all is wrong usage", async () => {
  const { code, stdout } = await pare(["--help"]);
  expect(code).toBe(0);
  for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
  expect(await pare([])).toMatchObject({ code: 2, stdout: "", stderr: stdout });
});

test.each(commands)("%s has help, the common options and an example that parses", async (name) => {
  const { code, stdout, stderr } = await pare([name, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const option of ["--json", "--threads", "--quiet", "--help"]) expect(stdout).toContain(option);
  expect(stdout).toMatch(new RegExp(`Examples:[^]*pare ${name}`));
});

test.each([
  ["an unknown command", ["inf"], /unknown command 'inf'\. Did you mean info\?/],
  ["an unknown option", ["info", "--jsn"], /unknown option '--jsn'\. Did you mean --json\? See pare info --help/],
  ["too many arguments", ["info", "x"], /too many arguments for 'info'/],
  ["a word for a number", ["info", "--threads", "two"], /'two' is invalid\. It must be an integer from 1 to 256/],
  ["no threads", ["info", "--threads", "0"], /'0' is invalid/],
])("%s exits with 2 and one sentence", async (_, args, message) => {
  const { code, stdout, stderr } = await pare(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("with --json an error is one line of JSON on the error stream", async () => {
  const { code, stdout, stderr } = await pare(["info", "--threads", "0", "--json"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(JSON.parse(stderr)).toEqual({
    error: { code: "PARE_OPTION", message: expect.stringMatching(/'0'/) as string },
  });
});

test("info says what runs, and takes --threads and PARE_ISA into account", async () => {
  const { stdout } = await pare(["info"]);
  expect(stdout).toMatch(/^kernels +\w+ \(this processor has/m);
  const { stdout: json } = await pare(["info", "--json", "--threads", "3"], { env: { PARE_ISA: "reference" } });
  expect(JSON.parse(json)).toMatchObject({ version, level: "reference", threads: 3 });
});

test("--quiet prints nothing", async () => {
  expect(await pare(["info", "--quiet"])).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a reader that leaves early is no failure", () => {
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-o", "pipefail", "-c", `"${process.execPath}" "${program}" info | head -c 1`],
    { encoding: "utf8" },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "p", stderr: "" });
});
