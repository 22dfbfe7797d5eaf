/** The methods of the public API that are about tokens. */
import type { tidepool } from "@tidepool/proto";
import type { Tokens } from "../door/tokens.ts";
import type { Handlers } from "./handlers.ts";

export function tokenApi(handlers: Handlers, tokens: Tokens) {
  return {
    createToken: handlers.unary(
      "CreateToken",
      (request: tidepool.v1.CreateTokenRequest.$Properties) => tokens.create(request),
    ),
    listTokens: handlers.unary(
      "ListTokens",
      ({ tenant }: tidepool.v1.ListTokensRequest.$Properties) =>
        Promise.resolve({ tokens: tokens.list(tenant ?? "") }),
    ),
    revokeToken: handlers.unary(
      "RevokeToken",
      async ({ id }: tidepool.v1.RevokeTokenRequest.$Properties) => {
        await tokens.revoke(id ?? "");
        return {};
      },
    ),
  };
}
