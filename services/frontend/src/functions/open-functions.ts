/** Puts together what keeps functions and versions, and finds the version that a call runs. */
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { NatsCodeStore } from "../nats/code-store.ts";
import { NatsFunctionStore } from "../nats/function-store.ts";
import type { FunctionListener } from "../nats/function-store.ts";
import { within } from "../nats/store-failure.ts";
import { NatsVersionStore } from "../nats/version-store.ts";
import type { Invocation } from "../routing/invocation.ts";
import type { FoundFunction } from "../routing/router.ts";
import { VersionSwitches } from "../routing/version-switches.ts";
import type { VmTable } from "../routing/vm-table.ts";
import { Functions } from "./functions.ts";
import type { FunctionsOptions } from "./functions.ts";
import { secretUsers } from "./secret-users.ts";
import { Versions } from "./versions.ts";

export interface OpenedFunctions extends Stoppable {
  readonly functions: Functions;
  readonly versions: Versions;
  /** By secret, the functions any version of which names it. */
  secretUsers(): ReadonlyMap<string, readonly string[]>;
  /** What a call runs. */
  find(
    call: Pick<Invocation, "name" | "qualifier" | "requestId">,
    timeoutMs: number,
  ): Promise<FoundFunction>;
}

/** Resolves when every function and version is known that the store held. */
export async function openFunctions(options: {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly table: VmTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each function that there is, and of each change. */
  readonly onChange: FunctionListener;
  readonly requireSecrets: FunctionsOptions["requireSecrets"];
}): Promise<OpenedFunctions> {
  const { bus, storage, table, clock, logger } = options;
  const store = new NatsFunctionStore(bus, storage.functions, logger);
  store.onChange(options.onChange);
  const versionStore = new NatsVersionStore(bus, storage.versions, logger);
  await Promise.all([versionStore.start(), store.start()]);
  const code = new NatsCodeStore(bus, storage.code);
  const { requireSecrets } = options;
  const functions = new Functions({
    store,
    versions: versionStore,
    code,
    clock,
    logger,
    requireSecrets,
  });
  const versions = new Versions({ store, versions: versionStore, clock });
  const switches = new VersionSwitches({
    table,
    resolve: (stored, qualifier, requestId) => versions.resolveKnown(stored, qualifier, requestId),
  });
  store.onChange((before, after) => switches.changed(before, after, clock.nowMs()));
  return {
    functions,
    versions,
    secretUsers: () => secretUsers(store.list(), (name) => versionStore.list(name)),
    async find({ name, qualifier, requestId }, timeoutMs) {
      const work = versions.resolve(name, qualifier, requestId);
      const stored = await within(`reading function '${name}'`, timeoutMs, work);
      return { stored, former: switches.former(stored, qualifier, requestId, clock.nowMs()) };
    },
    async stop() {
      await Promise.all([store.stop(), versionStore.stop()]);
    },
  };
}
