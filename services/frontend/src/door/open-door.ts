/** Puts the door together: off, it lets everybody in as its operator; tokens can be made either way. */
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { tokenBucket } from "../nats/token-store.ts";
import { Door } from "./door.ts";
import { Tokens } from "./tokens.ts";

export interface OpenedDoor extends Stoppable {
  readonly door: Door;
  readonly tokens: Tokens;
}

/** Resolves when every token is known. */
export async function openDoor(options: {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly needsToken: boolean;
  readonly adminToken: string | undefined;
  readonly ensureTenant: (tenant: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<OpenedDoor> {
  const { bus, storage, needsToken, adminToken, ensureTenant, clock } = options;
  const logger = options.logger.child({ part: "door" });
  const store = tokenBucket(bus, storage.tokens, logger, (id) => tokens.revoked(id));
  const tokens: Tokens = new Tokens({ store, ensureTenant, adminToken, clock, logger });
  await store.start();
  return {
    door: new Door(needsToken ? tokens : undefined),
    tokens,
    stop: () => store.stop(),
  };
}
