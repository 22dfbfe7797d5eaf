/** What a shard needs of its process, all of it made up: no hosts, no store, and time in the test's hand. */
import { silentLogger } from "@tidepool/common";
import { policies, seededRandom } from "@tidepool/policy";
import { HostTable } from "../hosts/host-table.ts";
import { parseFunctionVersion } from "../nats/parse.ts";
import { tenantTermsDefault } from "../ports.ts";
import type { ArrivalBatch, StoredFunction } from "../ports.ts";
import { ToldUses } from "../shard/prewarm-meter.ts";
import type { ShardWorld } from "../shard/world.ts";

export interface TestWorld {
  readonly parts: ShardWorld;
  nowMs: number;
  /** What a shard starts from. */
  snapshot:
    { readonly sequence: number; readonly functions: readonly StoredFunction[] } | undefined;
  /** Delivers arrivals to the shard that was started last. */
  receive: (batch: ArrivalBatch) => void;
}

/** Every function that is asked for is published. */
export function testWorld(nowMs: number, changes: Partial<ShardWorld> = {}): TestWorld {
  const idle = { caughtUp: Promise.resolve(), stop: () => Promise.resolve() };
  const world: TestWorld = {
    nowMs,
    snapshot: undefined,
    receive: () => {},
    parts: {
      hosts: new HostTable(),
      policy: policies.periodic,
      commands: {
        assign: () => Promise.resolve("vm"),
        keep: () => Promise.resolve(),
        floor: () => Promise.resolve(),
      },
      snapshots: {
        load: (_, take) => {
          take(world.snapshot?.functions ?? []);
          return Promise.resolve(world.snapshot?.sequence);
        },
        save: () => Promise.resolve(),
      },
      arrivals: {
        follow: (_shard, _from, receive) => {
          world.receive = receive;
          return Promise.resolve(idle);
        },
      },
      functionOf: (name) =>
        parseFunctionVersion({
          name,
          version: "1",
          codeDigest: "sha256:1",
          settings: { runtime: "nodejs20" },
        }),
      tenantOf: () => tenantTermsDefault,
      toldUses: new ToldUses(),
      shardPrewarmIdleVmSecondsMax: Number.POSITIVE_INFINITY,
      explanations: { add: () => {} },
      epochOf: () => 1,
      clock: { nowMs: () => world.nowMs, sleep: () => Promise.resolve() },
      random: seededRandom(1),
      logger: silentLogger,
      onDemandChanged: () => {},
      ...changes,
    },
  };
  return world;
}
