/** Which version a call runs: its qualifier is a version, an alias, or empty for the active version. */
import { TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { chooseVersion, isVersion } from "./aliases.ts";
import type { StoredFunction } from "./function-record.ts";

/** @throws TidepoolError `invalid` */
export function parseQualifier(qualifier: string | undefined): string {
  if (!qualifier || subjects.isName(qualifier)) return qualifier ?? "";
  throw new TidepoolError(
    "invalid",
    `qualifier '${qualifier.slice(0, 80)}' is no version and no alias: it must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  );
}

/** Empty when nothing is active yet; undefined when there is no such alias. Whether a version exists is not looked up. */
export function targetOf(
  { version, aliases }: Pick<StoredFunction, "version" | "aliases">,
  qualifier: string,
  requestId: string,
): string | undefined {
  if (qualifier === "") return version;
  if (isVersion(qualifier)) return qualifier;
  const alias = aliases.find(({ name }) => name === qualifier);
  return alias === undefined ? undefined : chooseVersion(alias, requestId);
}
