/**
 * As much of the WebAssembly binary format as a module of a few functions over floats needs: JavaScript
 * has no vector instructions, and a forecast is mostly products and sums. Instructions are lists of bytes.
 */

export type Code = readonly number[];

/** Value types. */
export const i32 = 0x7f;
export const v128 = 0x7b;

/** "\0asm", version 1. */
const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const isFunction = 0x60;
const sections = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const emptyBlock = 0x40;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const constant = (value: number): Code => [0x41, ...signed(value)];
export const add: Code = [0x6a];
export const subtract: Code = [0x6b];
export const isLess: Code = [0x48];

const vector = (opcode: number, ...rest: number[]): Code => [0xfd, ...unsigned(opcode), ...rest];
/** The address is on the stack; `offset` is in bytes. */
export const load = (offset = 0): Code => vector(0x00, 4, ...unsigned(offset));
export const loadSplat = (offset = 0): Code => vector(0x09, 2, ...unsigned(offset));
/** The first lane alone. */
export const storeFirst: Code = vector(0x5a, 2, 0, 0);
export const store = (offset = 0): Code => vector(0x0b, 4, ...unsigned(offset));
export const zeros: Code = vector(0x0c, ...Array.from({ length: 16 }, () => 0));
export const vectorAdd: Code = vector(0xe4);
export const vectorMultiply: Code = vector(0xe6);
export const vectorMax: Code = vector(0xe9);
/** All bits where the first is above the second, none elsewhere. */
export const isAbove: Code = vector(0x44);
/** Bit by bit. */
export const both: Code = vector(0x4e);
/** Lanes of the upper operand by number; 4 to 7 are those of the second. */
export const shuffle = (...lanes: readonly [number, number, number, number]): Code =>
  vector(0x0d, ...lanes.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3]));

/** Adds `bytes` to a local that is an address. */
export const advance = (local: number, bytes: number): Code => [
  ...get(local),
  ...constant(bytes),
  ...add,
  ...set(local),
];

/** Runs the body at least once, and again while the address in `local` is below the one in `end`. */
export const until = (local: number, end: number, ...body: readonly Code[]): Code => [
  0x03,
  emptyBlock,
  ...body.flat(),
  ...get(local),
  ...get(end),
  ...isLess,
  0x0d,
  0,
  0x0b,
];

export interface WasmFunction {
  readonly name: string;
  /** All are addresses or counts. */
  readonly parameterCount: number;
  /** How many locals of each type follow the parameters. */
  readonly locals: readonly (readonly [count: number, type: number])[];
  readonly body: readonly Code[];
}

/** A module of functions without results over one imported memory, `env.memory`. */
export function moduleOf(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameterCount }) => [
    isFunction,
    ...list(Array.from({ length: parameterCount }, () => [i32])),
    ...list([]),
  ]);
  const bodies = functions.map(({ locals, body }) => {
    const code = [...list(locals.map(([count, type]) => [count, type])), ...body.flat(), 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...header,
    ...section(sections.type, types),
    ...section(sections.import, [[...text("env"), ...text("memory"), 0x02, 0x00, 0x01]]),
    ...section(
      sections.function,
      functions.map((_, index) => [index]),
    ),
    ...section(
      sections.export,
      functions.map(({ name }, index) => [...text(name), 0x00, index]),
    ),
    ...section(sections.code, bodies),
  ]);
}

function section(id: number, entries: readonly Code[]): Code {
  const content = list(entries);
  return [id, ...unsigned(content.length), ...content];
}

function list(entries: readonly Code[]): Code {
  return [...unsigned(entries.length), ...entries.flat()];
}

function text(value: string): Code {
  const bytes = [...Buffer.from(value)];
  return [...unsigned(bytes.length), ...bytes];
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (;;) {
    const byte = left & 0x7f;
    left >>= 7;
    const isDone = (left === 0 && (byte & 0x40) === 0) || (left === -1 && (byte & 0x40) !== 0);
    bytes.push(isDone ? byte : byte | 0x80);
    if (isDone) return bytes;
  }
}
