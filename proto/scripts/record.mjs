// Records this version's messages for later ones: of each its fields, and samples as bytes beside what they mean.
// Run at each release, from the repository's root: node proto/scripts/record.mjs > proto/recorded/VERSION.jsonl
// Tests hold every later version to reading what is recorded; a recording never changes.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as gen from "../gen/tidepool.js";

const require = createRequire(import.meta.url);
const protobuf = require("protobufjs");
const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const protos = readdirSync(join(root, "tidepool"), { recursive: true })
  .map((name) => join("tidepool", String(name)))
  .filter((name) => name.endsWith(".proto"))
  .sort();
const all = new protobuf.Root();
all.resolvePath = (_origin, target) =>
  target.startsWith("google/protobuf/") || isAbsolute(target) ? target : join(root, target);
await all.load(protos.map((name) => join(root, name)));
all.resolveAll();

const lines = [];
collect(all.lookup("tidepool"));
for (const line of lines.sort((a, b) => (a.name < b.name ? -1 : 1)))
  process.stdout.write(`${JSON.stringify(line)}\n`);

function collect(scope) {
  for (const item of scope.nestedArray ?? []) {
    const name = item.fullName.slice(1);
    if (item instanceof protobuf.Type) lines.push({ kind: "message", name, ...described(item) });
    else if (item instanceof protobuf.Enum) lines.push({ kind: "enum", name, values: item.values });
    else if (item instanceof protobuf.Service)
      lines.push({ kind: "service", name, methods: methodsOf(item) });
    collect(item);
  }
}

function methodsOf(service) {
  return Object.fromEntries(
    service.methodsArray.map((method) => [
      method.name,
      [
        method.resolvedRequestType.fullName.slice(1),
        method.resolvedResponseType.fullName.slice(1),
        Boolean(method.requestStream),
        Boolean(method.responseStream),
      ],
    ]),
  );
}

function described(type) {
  const fields = Object.fromEntries(type.fieldsArray.map((field) => [field.id, wireOf(field)]));
  const codec = type.fullName
    .slice(1)
    .split(".")
    .reduce((scope, part) => scope[part], gen);
  const choices = Math.max(1, ...type.oneofsArray.map(({ oneof }) => oneof.length));
  const samples = Array.from({ length: choices }, (_, choice) => {
    const message = codec.fromObject(filled(type, choice, 1));
    const value = codec.toObject(message, { longs: Number, enums: String, bytes: String });
    return { bytes: Buffer.from(codec.encode(message).finish()).toString("hex"), value };
  });
  const ranges = (type.reserved ?? []).filter((range) => Array.isArray(range));
  const reserved = ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  return { fields, ...(reserved.length > 0 && { reserved }), samples };
}

function wireOf(field) {
  const type = field.resolvedType === null ? field.type : field.resolvedType.fullName.slice(1);
  const rule = field.map ? `map<${field.keyType}>` : field.repeated ? "repeated" : "";
  return [field.name, type, rule, field.partOf?.name ?? ""].filter(
    (part, index) => index < 2 || part !== "",
  );
}

/** Every field has a value that tells it from the others; of alternatives one. */
function filled(type, choice, depth) {
  const object = {};
  for (const field of type.fieldsArray) {
    const { partOf } = field;
    if (partOf && partOf.oneof[choice % partOf.oneof.length] !== field.name) continue;
    const inner = field.resolvedType instanceof protobuf.Type;
    if (inner && depth === 0 && field.resolvedType.name !== "Timestamp") continue;
    const value = valueOf(field, choice, depth);
    object[field.name] = field.map ? { [keyOf(field)]: value } : field.repeated ? [value] : value;
  }
  return object;
}

function keyOf(field) {
  return field.keyType === "string" ? `key-${field.id}` : String(field.id);
}

function valueOf(field, choice, depth) {
  if (field.resolvedType instanceof protobuf.Enum)
    return Math.max(...Object.values(field.resolvedType.values));
  if (field.resolvedType !== null) return filled(field.resolvedType, choice, depth - 1);
  switch (field.type) {
    case "string":
      return `${field.name} ${field.id}`;
    case "bytes":
      return Buffer.from([field.id % 256, 0, 255]).toString("base64");
    case "bool":
      return true;
    case "double":
    case "float":
      return field.id + 0.5;
    default:
      return 1_000 + field.id;
  }
}
