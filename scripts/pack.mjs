// Makes the packages for publishing: `pare` without an addon, and one package per platform with it, into a folder.
//   node scripts/pack.mjs [FOLDER]     the folder defaults to packages
// `npm pack` on its own gives a single package that carries this platform's addon; both are installed and tried by .ci/run.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const out = resolve(process.argv[2] ?? "packages");
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const platform = `${process.platform}-${process.arch}`;
const addonPackage = `@pare/${platform}`;
const addon = "build/Release/pare.node";

/** Writes `files` with `packageJson` into a temporary folder and packs that. */
function pack(packageJson, files) {
  const folder = mkdtempSync(join(tmpdir(), "pare-pack-"));
  try {
    for (const file of files) cpSync(file, join(folder, file), { recursive: true });
    if (packageJson.main === "pare.node") copyFileSync(addon, join(folder, "pare.node"));
    writeFileSync(join(folder, "package.json"), JSON.stringify(packageJson, null, 2));
    const [result] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", out], {
        cwd: folder,
        encoding: "utf8",
      }),
    );
    console.log(
      `${result.filename}  ${(result.size / 1e6).toFixed(2)} MB packed, ${(result.unpackedSize / 1e6).toFixed(2)} MB unpacked`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

mkdirSync(out, { recursive: true });
const { version, license, engines } = manifest;
const glibc = process.report.getReport().header.glibcVersionRuntime ? ["glibc"] : ["musl"];
pack(
  {
    name: addonPackage,
    version,
    license,
    engines,
    main: "pare.node",
    os: [process.platform],
    cpu: [process.arch],
    libc: glibc,
  },
  ["LICENSE"],
);

const { devDependencies: _development, scripts: _scripts, allowScripts: _allowed, ...published } = manifest;
pack(
  {
    ...published,
    files: manifest.files.filter((file) => file !== addon),
    optionalDependencies: { [addonPackage]: version },
  },
  manifest.files.filter((file) => file !== addon),
);
