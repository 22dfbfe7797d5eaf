/** A function that a caller named, or the error that says there is none. */
import { TidepoolError } from "@tidepool/common";
import type { FunctionStore } from "../ports.ts";
import type { StoredFunction } from "./function-record.ts";
import { parseName } from "./settings.ts";

/** @throws TidepoolError `notFound`, or `invalid` for what can be no name */
export async function findFunction(
  store: FunctionStore,
  name: string | undefined,
): Promise<StoredFunction> {
  const found = await store.find(parseName(name));
  if (found === undefined)
    throw new TidepoolError("notFound", `no function '${name}'`, {
      component: "client",
      reason: "functionUnknown",
    });
  return found;
}
