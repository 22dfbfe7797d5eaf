/**
 * Hears on every nats-server what shards order of hosts and what hosts answer, and who owns each VM.
 * Shards' epochs and the order of obeyed commands are facts here, whatever the owners believe.
 */
import { connectBus } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import type { Cluster } from "@tidepool/cli";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";

interface Command {
  readonly what: string;
  readonly shard: number;
  readonly epoch: number;
  readonly heardAtMs: number;
}

interface Obeyed extends Command {
  readonly answeredAtMs: number;
}

/** Of the answer, what is looked at. */
interface StreamList {
  readonly streams: readonly StreamState[] | null;
  /** Of which nobody answered. */
  readonly missing?: readonly string[] | null;
}

interface StreamState {
  readonly config: { readonly name: string };
  readonly cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly { readonly current: boolean }[];
  };
}

const { AssignRequest, HostHeartbeat, KeepRequest, VmFact } = tidepool.internal.v1;
/** Later answers come to nobody. */
const unansweredMax = 100_000;
const natsPort = 4222;
const silentMs = 3_000;

export class Witness {
  readonly obeyed: Obeyed[] = [];
  readonly refusedEpochs: Command[] = [];
  readonly #buses: readonly Bus[];
  /** Commands that wait for their answer, by where it goes. */
  readonly #waiting = new Map<string, Command>();
  readonly #answered = new Set<string>();
  readonly #owners = new Map<string, string>();
  readonly #violations: string[] = [];
  readonly #heartbeats = new Map<string, number>();

  constructor(buses: readonly Bus[]) {
    this.#buses = buses;
    for (const { connection } of buses) {
      for (const [subject, codec] of [
        [subjects.assignVm, AssignRequest],
        [subjects.keepVms, KeepRequest],
      ] as const) {
        connection.subscribe(subject("HOST").replace("HOST", "*"), {
          callback: (error, message) => {
            if (error !== null || message.reply === undefined) return;
            const { shard, epoch } = codec.decode(message.data);
            this.#hear(message.reply, message.subject, shard, epoch);
          },
        });
      }
      connection.subscribe("_INBOX.>", {
        callback: (error, message) => {
          if (error !== null) return;
          this.#answer(message.subject, message.headers?.get(subjects.natsHeaders.failure) ?? "");
        },
      });
      connection.subscribe(subjects.allHostHeartbeats, {
        callback: (error, message) => {
          if (error !== null) return;
          const { hostId } = HostHeartbeat.decode(message.data);
          this.#heartbeats.set(hostId, performance.now());
        },
      });
      connection.subscribe(subjects.allVmFacts, {
        callback: (error, message) => {
          if (error === null) this.#own(VmFact.decode(message.data));
        },
      });
    }
  }

  static async of(cluster: Cluster): Promise<Witness> {
    const servers = cluster.names.filter((name) => name.startsWith("nats-"));
    const buses = servers.map((name) =>
      connectBus({
        servers: `nats://${cluster.network.address(name)}:${natsPort}`,
        tls: cluster.tls,
        name: "witness",
        component: "client",
        logger: silentLogger,
      }),
    );
    return new Witness(await Promise.all(buses));
  }

  /** What must never have happened, in words; and who was obeyed after a later owner had been. */
  violations(): readonly string[] {
    const firstOf = new Map<number, Map<number, number>>();
    for (const { shard, epoch, answeredAtMs } of this.obeyed) {
      const epochs = firstOf.get(shard) ?? new Map<number, number>();
      firstOf.set(shard, epochs);
      epochs.set(epoch, Math.min(epochs.get(epoch) ?? Infinity, answeredAtMs));
    }
    const late = this.obeyed.flatMap(({ what, shard, epoch, heardAtMs }) =>
      [...(firstOf.get(shard) ?? [])]
        .filter(([other, sinceMs]) => other > epoch && sinceMs < heardAtMs)
        .map(
          ([other, sinceMs]) =>
            `${what} of shard ${shard} was obeyed under epoch ${epoch}, ${heardAtMs - sinceMs} ms after epoch ${other}`,
        ),
    );
    return [...this.#violations, ...late];
  }

  /** Shards with an owner who answers. */
  async answeringShards(shardCount: number): Promise<readonly number[]> {
    const [bus] = this.#buses;
    if (bus === undefined) return [];
    const { ForecastRequest } = tidepool.internal.v1;
    const message = ForecastRequest.create({ functionName: "nobody" });
    const asked = [...Array(shardCount).keys()].map((shard) =>
      bus
        .request(
          "get forecast",
          subjects.getForecast(shard),
          { codec: ForecastRequest, message },
          tidepool.v1.GetForecastResponse,
          { timeoutMs: 1_000 },
        )
        .then(
          () => [shard],
          () => [],
        ),
    );
    return (await Promise.all(asked)).flat();
  }

  /** Streams without a leader, or whose copies are not all as new as its own. */
  async illStreams(): Promise<readonly string[]> {
    const [bus] = this.#buses;
    const asked = bus?.connection.request("$JS.API.STREAM.LIST", "{}", { timeout: 2_000 });
    const answer = await asked?.then(
      (message) => message.json<StreamList>(),
      () => undefined,
    );
    if (answer?.streams == null || (answer.missing ?? []).length > 0) return ["streams"];
    return answer.streams
      .filter(({ cluster }) => {
        const isCurrent = cluster?.replicas?.every(({ current }) => current) ?? true;
        return cluster?.leader === undefined || !isCurrent;
      })
      .map(({ config }) => `stream ${config.name}`);
  }

  isHeard(hostId: string): boolean {
    return performance.now() - (this.#heartbeats.get(hostId) ?? -Infinity) < silentMs;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.close()));
  }

  #hear(reply: string, subject: string, shard: number, epoch: number): void {
    if (this.#waiting.has(reply) || this.#answered.has(reply)) return; // on another server too
    if (this.#waiting.size >= unansweredMax) this.#waiting.clear();
    const what = subject.split(".").slice(3).join(" ");
    this.#waiting.set(reply, { what, shard, epoch, heardAtMs: performance.now() });
  }

  #answer(reply: string, failure: string): void {
    const command = this.#waiting.get(reply);
    if (command === undefined) return;
    this.#waiting.delete(reply);
    this.#answered.add(reply);
    if (failure === "") this.obeyed.push({ ...command, answeredAtMs: performance.now() });
    else if (failure === "stale") this.refusedEpochs.push(command);
  }

  #own({ hostId, vmId, functionName, version }: tidepool.internal.v1.VmFact.$Properties): void {
    if (functionName === undefined || functionName === "") return;
    const key = `${hostId}/${vmId}`;
    const owner = `${functionName}@${version}`;
    const before = this.#owners.get(key);
    if (before !== undefined && before !== owner)
      this.#violations.push(`VM ${key} was ${before}'s and then ${owner}'s`);
    this.#owners.set(key, owner);
  }
}
