/** What ARCHITECTURE.md and docs/errors.md say of the whole repository, held against its files. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { codes, reasons } from "@tidepool/common";
import { readSource, sourceFiles } from "./repository.ts";

/** Each room and the rooms it may import. Nothing imports a room that is not in its list. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "proto/src": [],
  "packages/common": ["proto"],
  "packages/actors": ["proto", "common"],
  "packages/sdk": ["proto", "common"],
  "packages/policy": ["common"],
  "packages/schedules": ["proto", "common"],
  guest: ["proto", "common"],
  // The command starts NATS and builds the image itself; the services it only spawns. To simulate it runs the
  // policy, and beside it the rivals that bench/ has.
  "packages/cli": ["proto", "common", "actors", "sdk", "guest", "policy", "bench", "schedules"],
  "bench/rivals": ["policy"],
  "services/frontend": ["proto", "common", "actors", "guest/runtimes", "schedules"],
  "services/scheduler": ["proto", "common", "actors", "policy", "schedules"],
  "services/host-agent": ["proto", "common", "actors", "guest"],
};

const isPartOf = (target: string, room: string): boolean => target.startsWith(`${room}/`);
const linesMax = 400;
const isTest = (path: string): boolean => path.endsWith(".test.ts");

describe("Dependencies between rooms", () => {
  for (const [room, allowed] of Object.entries(mayImport)) {
    it(`${room} imports ${allowed.length === 0 ? "no other room" : `only ${allowed.join(", ")}`}`, () => {
      const files = sourceFiles(room, [".ts"]).filter((path) => !isTest(path));
      assert.ok(files.length > 0, `${room} has no source files`);
      const foreign = files.flatMap((path) =>
        importsOf(readSource(path))
          .filter((target) => target.startsWith("@tidepool/"))
          .map((target) => target.slice("@tidepool/".length))
          .filter((target) => !allowed.some((room) => target === room || isPartOf(target, room)))
          .map((target) => `${path} imports ${target}`),
      );
      assert.deepEqual(foreign, []);
    });
  }

  it("no room reaches into another by a relative path", () => {
    const reaching = allSources().flatMap((path) =>
      importsOf(readSource(path))
        .filter((target) => target.startsWith("."))
        .filter((target) => roomOf(join(dirname(path), target)) !== roomOf(path))
        .map((target) => `${path} imports ${target}`),
    );
    assert.deepEqual(reaching, []);
  });
});

describe("Source files", () => {
  it(`have at most ${linesMax} lines`, () => {
    const long = allSources()
      .map((path) => ({ path, lines: readSource(path).split("\n").length - 1 }))
      .filter(({ lines }) => lines > linesMax)
      .map(({ path, lines }) => `${path}: ${lines}`);
    assert.deepEqual(long, []);
  });
});

describe("package-lock.json", () => {
  it("has every optional dependency of every platform, without which npm ci refuses it", () => {
    const { packages } = JSON.parse(readSource("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const locked = new Set(Object.keys(packages).map((path) => path.split("node_modules/").at(-1)));
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !locked.has(name));
    assert.deepEqual(missing, []);
  });
});

describe("docs/errors.md", () => {
  const rows = new Map(
    [
      ...readSource("docs/errors.md").matchAll(
        /^\| `(\w+)` +\| ([A-Z_]+) +\| (\d+) +\| (yes|no) +\|/gm,
      ),
    ].map(([, code, status, http, retry]) => [code, { status, http, retry }] as const),
  );
  const reasonRows = [
    ...readSource("docs/errors.md").matchAll(/^\| `(\w+)` +\| ((?:`\w+`(?:, )?)+) +\| /gm),
  ].map(([, reason, of]) => ({ reason: reason ?? "", of: (of ?? "").match(/\w+/g) ?? [] }));

  it("has a row for every code, and no other", () => {
    assert.deepEqual([...rows.keys()].sort(), Object.keys(codes).sort());
  });

  it("has a row for every reason, and no other, each with codes that there are", () => {
    assert.deepEqual(reasonRows.map(({ reason }) => reason).sort(), [...reasons].sort());
    for (const { reason, of } of reasonRows) {
      assert.ok(of.length > 0 && of.every((code) => Object.hasOwn(codes, code)), reason);
    }
  });

  it("knows every reason that a service gives", () => {
    const given = [
      "packages/common",
      "services/frontend",
      "services/scheduler",
      "services/host-agent",
    ]
      .flatMap((room) => sourceFiles(room, [".ts"]))
      .filter((path) => !isTest(path))
      .flatMap((path) => [
        ...readSource(path).matchAll(/new TidepoolError\([^;]*?reason: "(\w+)"/g),
      ])
      .map(([, reason]) => reason ?? "");
    assert.ok(given.length > 10);
    const known: readonly string[] = reasons;
    assert.deepEqual(
      given.filter((reason) => !known.includes(reason)),
      [],
    );
  });

  for (const [code, { grpc, http, retryable }] of Object.entries(codes)) {
    it(`gives ${code} its gRPC and HTTP status and whether to retry`, () => {
      assert.deepEqual(rows.get(code), {
        status: grpcStatuses[grpc],
        http: String(http),
        retry: retryable ? "yes" : "no",
      });
    });
  }
});

const grpcStatuses = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

function allSources(): string[] {
  return ["proto", "packages", "services", "guest", "bench", "test"].flatMap((room) =>
    sourceFiles(room, [".ts", ".mjs", ".c"]),
  );
}

/** The first folder, and below packages/ and services/ the second too. */
function roomOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "packages" || first === "services" ? `${first}/${second}` : first;
}

function importsOf(source: string): string[] {
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    ([, target]) => target ?? "",
  );
}
