/**
 * V8 optimizes nothing before a function is loaded (the command line says so): in a template the result would
 * be for nothing, and in a clone, under TCG, the optimizing compiler itself would first have to be translated,
 * in the middle of the load. What runs afterwards is the author's, and is optimized as ever.
 */
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

export function optimizeFromNowOn(): void {
  setFlagsFromString("--opt");
}

/** Before a template is taken after a load: its clones begin as those of any template do. */
export function optimizeNoMore(): void {
  setFlagsFromString("--no-opt");
}

/** So that no clone has its template's garbage to collect. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}
