/** The same for a tenant that is another's and for one that is not there. */
import { TidepoolError } from "@tidepool/common";

export function unknownTenant(name: string): TidepoolError {
  return new TidepoolError(
    "notFound",
    `no tenant '${name.slice(0, 80)}': there is one as soon as it has a token`,
  );
}
