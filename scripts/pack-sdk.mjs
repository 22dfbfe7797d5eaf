// Packs the client as one package that installs without the rest of this repository, for ESM and CommonJS:
// the rooms it is made of are bundled, libraries stay dependencies. Needs a build (npm run build).
// usage: node scripts/pack-sdk.mjs [folder]   writes tidepool-sdk-VERSION.tgz there, default dist/
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = resolve(process.argv[2] ?? join(root, "dist"));
const staged = mkdtempSync(join(tmpdir(), "tidepool-sdk-"));

/** What of each room its declarations need, and where it stands in the package. */
const rooms = {
  "@tidepool/sdk": { dist: "packages/sdk/dist", keep: () => true },
  "@tidepool/common": {
    dist: "packages/common/dist",
    keep: (name) => /^(error|clock)\./.test(name),
  },
  "@tidepool/proto": { dist: "proto/dist", keep: () => true },
};
/** Libraries that the bundle asks for, with the versions that the rooms name. */
const libraries = ["@grpc/grpc-js", "@opentelemetry/api", "protobufjs"];

try {
  await bundle("esm", "index.mjs");
  await bundle("cjs", "index.cjs");
  declarations(join(staged, "types"), "module");
  declarations(join(staged, "types-cjs"), "commonjs");
  writeFileSync(join(staged, "package.json"), JSON.stringify(manifest(), null, 2));
  cpSync(join(root, "LICENSE"), join(staged, "LICENSE"));
  cpSync(join(root, "docs/sdk.md"), join(staged, "README.md"));
  mkdirSync(target, { recursive: true });
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", target], {
    cwd: staged,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename }] = Object.values(JSON.parse(packed));
  process.stdout.write(`${join(target, filename)}\n`);
} finally {
  rmSync(staged, { recursive: true, force: true });
}

function bundle(format, outfile) {
  return build({
    absWorkingDir: root,
    entryPoints: ["packages/sdk/dist/index.js"],
    outfile: join(staged, outfile),
    bundle: true,
    platform: "node",
    target: "node20",
    format,
    external: libraries.flatMap((name) => [name, `${name}/*`]),
    logLevel: "error",
  });
}

function declarations(folder, type) {
  for (const [name, { dist, keep }] of Object.entries(rooms)) {
    const into = join(folder, name.replace("@tidepool/", ""));
    mkdirSync(into, { recursive: true });
    const files = readdirSync(join(root, dist)).filter((file) => file.endsWith(".d.ts"));
    for (const file of files) {
      const text = readFileSync(join(root, dist, file), "utf8");
      if (name === "@tidepool/common" && file === "index.d.ts")
        writeFileSync(join(into, file), commonDoor());
      else if (keep(file)) writeFileSync(join(into, file), relocated(text));
    }
  }
  mkdirSync(join(folder, "gen"), { recursive: true });
  const generated = readFileSync(join(root, "proto/gen/tidepool.d.ts"), "utf8");
  writeFileSync(join(folder, "gen/tidepool.d.ts"), generated);
  writeFileSync(
    join(folder, "gen/descriptors.d.ts"),
    readFileSync(join(root, "proto/gen/descriptors.d.ts")),
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
}

function commonDoor() {
  return [
    'export { TidepoolError, codes, isCode } from "./error.js";',
    'export type { Code, Component, Failure } from "./error.js";',
    'export type { Clock } from "./clock.js";',
    "",
  ].join("\n");
}

/** Rooms stand beside each other; declarations name files as they are installed. */
function relocated(text) {
  return text
    .replace(/"@tidepool\/(\w+)"/g, '"../$1/index.js"')
    .replace(/"(\.{1,2}\/[^"]+)\.ts"/g, '"$1.js"')
    .replace(/\n?\/\/# sourceMappingURL=.*$/m, "");
}

function manifest() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
  const { version, license } = read("packages/sdk/package.json");
  const asked = {
    ...read("proto/package.json").dependencies,
    ...read("packages/sdk/package.json").dependencies,
  };
  return {
    name: "@tidepool/sdk",
    version,
    description: "Client of Tidepool",
    license,
    type: "module",
    engines: { node: ">=20.19" },
    exports: {
      ".": {
        import: { types: "./types/sdk/index.d.ts", default: "./index.mjs" },
        require: { types: "./types-cjs/sdk/index.d.ts", default: "./index.cjs" },
      },
    },
    dependencies: Object.fromEntries(libraries.map((name) => [name, asked[name]])),
  };
}
