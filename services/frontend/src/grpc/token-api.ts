/** The methods of the public API that are about tokens. */
import type { tidepool } from "@tidepool/proto";
import type { Tokens } from "../door/tokens.ts";
import type { Handlers } from "./handlers.ts";

export function tokenApi(handlers: Handlers, tokens: Tokens) {
  return {
    createToken: handlers.unary(
      "CreateToken",
      (request: tidepool.v1.CreateTokenRequest.$Properties, { caller }) =>
        tokens.create(request, caller),
    ),
    listTokens: handlers.unary(
      "ListTokens",
      ({ tenant }: tidepool.v1.ListTokensRequest.$Properties, { caller }) =>
        Promise.resolve({ tokens: tokens.list(tenant ?? "", caller) }),
    ),
    revokeToken: handlers.unary(
      "RevokeToken",
      async ({ id }: tidepool.v1.RevokeTokenRequest.$Properties, { caller }) => {
        await tokens.revoke(id ?? "", caller);
        return {};
      },
    ),
  };
}
