// Makes gen/: static codecs for every .proto file and the descriptors that gRPC reflection serves.
// Skips the work when gen/ is newer than everything it is made from.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const gen = join(root, "gen");

const protos = ["tidepool", "grpc", "google"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, String(name))),
  )
  .filter((name) => name.endsWith(".proto"))
  .sort();

const scripts = ["generate.mjs", "descriptors.mjs"].map((name) => join(root, "scripts", name));
const inputs = [...protos.map((name) => join(root, name)), ...scripts];
const outputs = ["tidepool.js", "tidepool.d.ts", "descriptors.js", "descriptors.d.ts"].map((name) =>
  join(gen, name),
);
const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));
const oldest = Math.min(
  ...outputs.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0),
);
if (oldest > newest) process.exit(0);

mkdirSync(gen, { recursive: true });
const pbjs = join(dirname(require.resolve("protobufjs-cli/package.json")), "bin", "pbjs");
const flags =
  "-t static-module -w esm --es6 --dts -r tidepool --no-service --no-verify --no-delimited --null-semantics";
execFileSync(
  process.execPath,
  [
    pbjs,
    ...flags.split(" "),
    "-p",
    root,
    "-o",
    join(gen, "tidepool.js"),
    ...protos.map((name) => join(root, name)),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);

const { describe } = await import("./descriptors.mjs");
const files = await describe(root, protos);
const entries = files.map(
  ({ name, bytes }) => `  [${JSON.stringify(name)}, "${Buffer.from(bytes).toString("base64")}"],`,
);
writeFileSync(
  join(gen, "descriptors.js"),
  `export const descriptors = new Map([\n${entries.join("\n")}\n]);\n`,
);
writeFileSync(
  join(gen, "descriptors.d.ts"),
  "/** FileDescriptorProto of each .proto file, base64, by file name. */\nexport declare const descriptors: ReadonlyMap<string, string>;\n",
);
