/**
 * What a shard needs around it, with time and arrivals in the bench's hand. Its one host has a VM for every order, and
 * keeps as long as it is told, or as its keep-alive says, the one that each function's calls leave.
 */
import { silentLogger } from "@tidepool/common";
import { planPolicyDefault, seededRandom } from "@tidepool/policy";
import type { FunctionPolicy } from "@tidepool/policy";
import {
  HostTable,
  parseFunctionVersion,
  parseHeartbeat,
  tenantTermsDefault,
  ToldUses,
} from "@tidepool/scheduler/measuring";
import type {
  ArrivalBatch,
  NatsSnapshotStore,
  ShardWorld,
  StoredFleet,
} from "@tidepool/scheduler/measuring";

/** Of learning, each from 64 outcomes. */
const daysStepsPerFunction = 1;

export class MeasuredWorld {
  nowMs: number;
  /** Functions restored and calls learned from. */
  seen = 0;
  /** Of processor time, each time that the functions were gathered for a snapshot. */
  readonly gatheredMs: number[] = [];
  readonly parts: ShardWorld;
  receive: (batch: ArrivalBatch) => void = () => {};
  /** Until when the VM of each function stays, by the function's number. */
  private readonly warmUntilMs: Float64Array;

  constructor(policy: FunctionPolicy, store: NatsSnapshotStore, nowMs: number, size: number) {
    this.nowMs = nowMs;
    this.warmUntilMs = new Float64Array(size);
    const version = parseFunctionVersion({
      name: "any",
      version: "1",
      codeDigest: "sha256:1",
      settings: { runtime: "nodejs20", keepAliveMs: planPolicyDefault.keepAliveMs },
    });
    this.parts = {
      hosts: this.roomyHost(nowMs),
      policy: this.counted(policy),
      commands: {
        assign: (_hostId, { function: { name }, keepUntilMs }) => {
          this.keepUntil(name, keepUntilMs);
          return Promise.resolve("vm");
        },
        keep: (_hostId, { functionName, count, keepUntilMs }) => {
          this.keepUntil(functionName, count === 0 ? this.nowMs : keepUntilMs);
          return Promise.resolve();
        },
        floor: () => Promise.resolve(),
      },
      snapshots: {
        load: (shard, take) =>
          store.load(shard, (functions) => {
            this.seen += functions.length;
            take(functions);
          }),
        save: (_lease, _sequence, functions) => {
          const before = process.cpuUsage();
          for (const { name } of functions) if (name === "") throw new RangeError("no name");
          const { user, system } = process.cpuUsage(before);
          this.gatheredMs.push((user + system) / 1_000);
          return Promise.resolve();
        },
      },
      fleets: {
        load: () => Promise.resolve(learnedFor(policy, size)),
        save: () => Promise.resolve(),
      },
      arrivals: {
        follow: (_shard, _from, receive) => {
          this.receive = (batch) => {
            for (const { functionName } of batch.arrivals)
              this.keepUntil(functionName, this.nowMs + planPolicyDefault.keepAliveMs);
            receive(batch);
          };
          return Promise.resolve({ caughtUp: Promise.resolve(), stop: () => Promise.resolve() });
        },
      },
      functionOf: (name) => ({ ...version, name }),
      tenantOf: () => tenantTermsDefault,
      toldUses: new ToldUses(),
      shardPrewarmIdleVmSecondsMax: Number.POSITIVE_INFINITY,
      explanations: { add: () => {} },
      epochOf: () => 1,
      clock: { nowMs: () => this.nowMs, sleep: () => Promise.resolve() },
      random: seededRandom(1),
      logger: silentLogger,
      onDemandChanged: () => {},
    };
  }

  /** The VM that its calls have left stays so long. */
  keepUntil(name: string, untilMs: number): void {
    this.warmUntilMs[indexOf(name)] = untilMs;
  }

  private roomyHost(nowMs: number): HostTable {
    const hosts = new HostTable();
    const memoryMib = 2 ** 31;
    const pools = [{ runtime: "nodejs20", memoryMib: 128, ready: 2 ** 31, prepareP95Ms: 1_000 }];
    const room = { memoryMib, vmCountMax: 2 ** 31 };
    hosts.note(parseHeartbeat({ hostId: "h", address: "h:1", ...room, pools }), nowMs);
    hosts.idleCount = (name) => ((this.warmUntilMs[indexOf(name)] ?? 0) > this.nowMs ? 1 : 0);
    return hosts;
  }

  private counted(given: FunctionPolicy): FunctionPolicy {
    const learning = given.onFleet?.();
    return {
      ...given,
      noteArrival: (...call) => {
        this.seen += 1;
        return given.noteArrival(...call);
      },
      ...(learning === undefined
        ? {}
        : { onFleet: () => ({ ...learning, policy: this.counted(learning.policy) }) }),
    };
  }
}

/** A day's learning lies behind it: it changes what it forecasts by as seldom as after a day. */
function learnedFor(policy: FunctionPolicy, size: number): StoredFleet | undefined {
  const learning = policy.onFleet?.().fleet.store();
  if (learning === undefined) return undefined;
  const steps = size * daysStepsPerFunction;
  return { sequence: 0, learning: { ...learning, steps, nextEdition: Math.ceil(steps * 1.02) } };
}

export const nameOf = (index: number): string => `${namePrefix}${index}`;
const namePrefix = "function-";

function indexOf(name: string): number {
  return Number(name.slice(namePrefix.length));
}
