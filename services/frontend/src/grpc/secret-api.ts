/** The methods of the public API that are about secrets. None gives a value back. */
import type { tidepool } from "@tidepool/proto";
import type { Secrets } from "../secrets/secrets.ts";
import type { Handlers } from "./handlers.ts";

export function secretApi(handlers: Handlers, secrets: Secrets) {
  return {
    putSecret: handlers.unary("PutSecret", (request: tidepool.v1.PutSecretRequest.$Properties) =>
      secrets.put(request),
    ),
    listSecrets: handlers.unary("ListSecrets", () =>
      Promise.resolve({ secrets: [...secrets.list()] }),
    ),
    deleteSecret: handlers.unary(
      "DeleteSecret",
      async ({ name }: tidepool.v1.DeleteSecretRequest.$Properties) => {
        await secrets.remove(name);
        return {};
      },
    ),
  };
}
