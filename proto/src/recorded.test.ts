/**
 * What earlier versions wrote, as they wrote it: `recorded/` has their messages by bytes and meaning, made by
 * scripts/record.mjs in those versions. What could go wrong: a field's number gets another meaning, or a field goes and
 * its number is free for the next.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tidepool } from "./index.ts";

type Wire = readonly string[];

interface RecordedMessage {
  readonly kind: "message";
  readonly name: string;
  readonly fields: Readonly<Record<string, Wire>>;
  /** Numbers that may not be used again. */
  readonly reserved?: readonly number[];
  readonly samples: readonly { readonly bytes: string; readonly value: object }[];
}
interface RecordedEnum {
  readonly kind: "enum";
  readonly name: string;
  readonly values: Readonly<Record<string, number>>;
}
interface RecordedService {
  readonly kind: "service";
  readonly name: string;
  readonly methods: Readonly<Record<string, readonly unknown[]>>;
}
type Recorded = RecordedMessage | RecordedEnum | RecordedService;

interface Codec {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: object, options: object): object;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "recorded");

function parsed(lines: string): ReadonlyMap<string, Recorded> {
  const items = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recorded);
  return new Map(items.map((item) => [item.name, item]));
}

function codecOf(name: string): Codec {
  let scope: unknown = { tidepool };
  for (const part of name.split(".")) scope = (scope as Record<string, unknown>)[part];
  return scope as Codec;
}

const now = parsed(
  execFileSync(process.execPath, [join(root, "scripts", "record.mjs")], { encoding: "utf8" }),
);

for (const file of readdirSync(folder)) {
  describe(`messages as they were written in ${file}`, () => {
    const then = [...parsed(readFileSync(join(folder, file), "utf8")).values()];
    const messages = then.filter((item) => item.kind === "message");

    it("mean what they meant", () => {
      assert.ok(messages.length > 100, `${messages.length} messages`);
      for (const { name, samples } of messages) {
        const codec = codecOf(name);
        for (const { bytes, value } of samples) {
          const decoded = codec.decode(Buffer.from(bytes, "hex"));
          const options = { longs: Number, enums: String, bytes: String };
          assert.deepEqual(codec.toObject(decoded, options), value, name);
        }
      }
    });

    it("are written for those who know no more, byte by byte", () => {
      for (const { name, samples } of messages) {
        const codec = codecOf(name);
        for (const { bytes } of samples) {
          const written = codec.encode(codec.decode(Buffer.from(bytes, "hex"))).finish();
          assert.equal(Buffer.from(written).toString("hex"), bytes, name);
        }
      }
    });

    it("have only gained: no number has another name or type, and none that went may come again", () => {
      for (const { name, fields } of messages) {
        const today = now.get(name);
        assert.ok(today?.kind === "message", `message ${name} is gone`);
        for (const [number, wire] of Object.entries(fields)) {
          const field: Wire | undefined = today.fields[number];
          if (field !== undefined) assert.deepEqual(field, wire, `${name}, field ${number}`);
          else
            assert.ok(
              today.reserved?.includes(Number(number)),
              `${name}: field ${number} went, reserve it`,
            );
        }
      }
    });

    it("have enums and methods that are what they were", () => {
      for (const item of then) {
        const today = now.get(item.name);
        assert.equal(today?.kind, item.kind, item.name);
        if (item.kind === "enum" && today?.kind === "enum")
          for (const [value, number] of Object.entries(item.values))
            assert.equal(today.values[value], number, `${item.name}.${value}`);
        if (item.kind === "service" && today?.kind === "service")
          for (const [method, signature] of Object.entries(item.methods))
            assert.deepEqual(today.methods[method], signature, `${item.name}.${method}`);
      }
    });
  });
}
