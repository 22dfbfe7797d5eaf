/**
 * What a clone must not share with its template besides what init has already renewed (the kernel's clock
 * and generator; OpenSSL's reseeds itself when it sees how much time has passed): the state of
 * Math.random, which V8 keeps to itself, and the origin of performance.now().
 *
 * Both are replaced once, in the template; a clone is only given other numbers, which is quick.
 */
import { syncBuiltinESMExports } from "node:module";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

const seedBytes = 16;
/** Of xoshiro128**. */
const state = new Int32Array(seedBytes / 4);
let timeOrigin = performance.timeOrigin;

export function replaceRandomness(): void {
  Math.random = random;
  seedNewContexts();
  Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin, configurable: true });
}

/** Goes on with the host-agent's entropy. */
export function freshenClone(entropy: Uint8Array): void {
  if (entropy.length < seedBytes) {
    throw new Error(`a clone needs ${String(seedBytes)} bytes of entropy`);
  }
  new Uint8Array(state.buffer).set(entropy.subarray(0, seedBytes));
  // All zeros is the one state that the generator does not leave.
  state[3] = word(3) | 1;
  freshenTimeOrigin();
}

/** performance.now() stands still while a VM is paused, so its origin moves with every pause. */
export function freshenTimeOrigin(): void {
  timeOrigin = Date.now() - performance.now();
}

/** 53 bits, as many as a double in [0,1) has. */
function random(): number {
  return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
}

function next(): number {
  const scrambled = Math.imul(word(1), 5);
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
  const shifted = word(1) << 9;
  state[2] = word(2) ^ word(0);
  state[3] = word(3) ^ word(1);
  state[1] = word(1) ^ word(2);
  state[0] = word(0) ^ word(3);
  state[2] = word(2) ^ shifted;
  state[3] = (word(3) << 11) | (word(3) >>> 21);
  return result;
}

function word(index: number): number {
  return state[index] ?? 0;
}

/**
 * V8 seeds Math.random of a further context, when it is first used, from a generator that every clone has a
 * copy of, unless this flag names a seed: so each context draws once while it does. Zero afterwards: workers
 * have isolates of their own, which seed themselves well.
 */
function seedNewContexts(): void {
  const { createContext, isContext, runInContext, runInNewContext } = vm;
  // oxlint-disable-next-line typescript/unbound-method -- called with the script that it is called on
  const { runInNewContext: runScript } = vm.Script.prototype;
  const seeded = (
    object: Parameters<typeof createContext>[0] = {},
    options?: vm.CreateContextOptions,
  ): vm.Context => {
    if (typeof object === "object" && isContext(object)) return object;
    const context = createContext(object as vm.Context, options);
    setFlagsFromString(`--random-seed=${String((next() >>> 2) + 1)}`);
    try {
      runInContext("try { Math.random() } catch {}", context);
    } finally {
      setFlagsFromString("--random-seed=0");
    }
    return context;
  };
  Object.defineProperty(seeded, "name", { value: "createContext" });
  vm.createContext = seeded;
  vm.runInNewContext = function (code, object, options) {
    return runInNewContext(code, seeded(object, contextOptions(options)), options);
  };
  vm.Script.prototype.runInNewContext = function (object, options) {
    return runScript.call(this, seeded(object, contextOptions(options)), options);
  };
  syncBuiltinESMExports();
}

/** What createContext() calls otherwise than the functions that make a context on their way. */
function contextOptions(
  given: vm.RunningScriptInNewContextOptions | string | undefined,
): vm.CreateContextOptions {
  const options: vm.CreateContextOptions = {};
  if (typeof given !== "object") return options;
  if (given.contextName !== undefined) options.name = given.contextName;
  if (given.contextOrigin !== undefined) options.origin = given.contextOrigin;
  if (given.contextCodeGeneration) options.codeGeneration = given.contextCodeGeneration;
  if (given.microtaskMode) options.microtaskMode = given.microtaskMode;
  return options;
}
