/**
 * Members by themselves, in a time of the test's own, through elections of the bucket, deaths and cuts of its servers, cuts
 * between members and from their server, pauses of processes, crashes of one and of all, and newcomers of old names and
 * new ones, all at random. Whatever comes: two never act for one lease; and where the servers are well and a member is,
 * no lease is without one that acts for longer than a failure may go unnoticed. TIDEPOOL_MODEL_SEED repeats a run.
 */
import assert from "node:assert/strict";
import { ModelMember, timing } from "./testing/model-member.ts";
import { ModelServers, serverCount } from "./testing/model-servers.ts";

const renewEveryMs = 1_000;
const callEveryMs = 500;
const tickMs = 50;
const runMs = 300_000;
const runs = 20;
const firstSeed = Number(process.env["TIDEPOOL_MODEL_SEED"] ?? 1);
/** Longest that a message is on its way: what a member acts on may be so old. */
const wayMaxMs = 400;
const lookEveryMs = 500;
/** An answer that takes longer comes to nobody. */
const changeMaxMs = 2_000;
/** Until the bucket is read again after the connection was lost; what is written comes there sooner. */
const reopenMaxMs = 2_000;
/** That a failure may go unnoticed, and what a look and the taking of a lease are on their way for. */
const unservedMaxMs = 5_000 + 4 * wayMaxMs;

interface Entry {
  readonly revision: number;
  readonly id: string;
  readonly witnessIds: readonly string[] | undefined;
}

class World {
  nowMs = 0;
  readonly processes: ModelMember[] = [];
  readonly log: Entry[] = [];
  /** Owner and epoch, by lease. */
  readonly leases: { owner: string; epoch: number; revision: number }[] = [];
  takenOver = 0;
  outlived = 0;
  readonly random: () => number;
  private readonly servers: ModelServers;
  /** When something was last done to a member; what it did by then others have to find out anew. */
  private disturbedAtMs = 0;
  /** Since when nobody acts for a lease. */
  private readonly unservedSinceMs = new Map<number, number>();
  private readonly cuts = new Map<string, number>();
  private readonly due: { atMs: number; run: () => void }[] = [];
  private names = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.servers = new ModelServers(this.random);
    for (let count = 0; count < 3; count += 1) this.join(`m-${(this.names += 1)}`);
  }

  tick(): void {
    this.nowMs += tickMs;
    this.disturb();
    const now = this.due.filter(({ atMs }) => atMs <= this.nowMs);
    for (const each of now) this.due.splice(this.due.indexOf(each), 1);
    for (const { run } of now) run();
    for (const process of this.processes) if (this.runs(process)) this.turn(process);
    this.check();
  }

  private check(): void {
    const wellSinceMs = Math.min(...this.processes.map((each) => each.wellSinceMs ?? Infinity));
    for (const lease of this.leases.keys()) {
      const acting = this.processes.filter((process) => process.acts(lease, this.nowMs));
      const who = acting.map(({ id, held }) => `${id} under ${held.get(lease)}`);
      assert.ok(acting.length <= 1, `at ${this.nowMs} ms lease ${lease}: ${who.join(", ")}`);
      const [one] = acting;
      if (one !== undefined && this.nowMs >= one.members.renewalEndsAtMs()) this.outlived += 1;
      const sinceMs = this.unservedSinceMs.get(lease) ?? this.nowMs;
      if (one === undefined) this.unservedSinceMs.set(lease, sinceMs);
      else this.unservedSinceMs.delete(lease);
      const unservedMs = this.nowMs - Math.max(sinceMs, wellSinceMs, this.disturbedAtMs);
      assert.ok(
        unservedMs <= unservedMaxMs,
        `at ${this.nowMs} ms nobody has acted for lease ${lease} for ${unservedMs} ms`,
      );
    }
  }

  private disturb(): void {
    const { random, nowMs, servers } = this;
    const often = (everyMs: number): boolean => random() < tickMs / everyMs;
    servers.tick(nowMs, often);
    for (const process of this.processes) this.note(process);
    if (often(60_000)) for (const process of this.processes.slice()) this.crash(process);
    if (often(60_000)) this.strand();
    const one = this.drawn();
    if (one === undefined) return;
    const other = random() < 0.5 ? "server" : this.drawn()?.id;
    if (other !== undefined && often(15_000)) {
      this.cuts.set(`${one.id}/${other}`, nowMs + 25_000 * random());
      this.disturbedAtMs = nowMs;
    }
    if (often(25_000)) {
      one.pausedUntilMs = nowMs + 8_000 * random();
      this.disturbedAtMs = nowMs;
    }
    if (often(40_000)) this.crash(one);
  }

  /** All are where nobody else is heard, but for one that has just come, or is about to. */
  private strand(): void {
    const server = Math.floor(this.random() * serverCount);
    for (const process of this.processes) process.server = server;
    const joins = (): void => this.join(`m-${(this.names += 1)}`, (server + 1) % serverCount);
    this.later(2_000 * this.random(), joins);
    this.later(2_000 * this.random(), () => this.servers.isolate(server));
  }

  private note(process: ModelMember): void {
    const isWell =
      this.servers.areWell &&
      process.isReading &&
      this.runs(process) &&
      this.reaches(process.id, "bucket");
    process.wellSinceMs = isWell ? (process.wellSinceMs ?? this.nowMs) : undefined;
    if (this.reaches(process.id, "bucket")) process.leavesAtMs = undefined;
    else process.leavesAtMs ??= this.nowMs + 2_000 + 13_000 * this.random();
    if (this.nowMs < (process.leavesAtMs ?? Infinity)) return;
    process.server = Math.floor(this.random() * serverCount);
    process.leavesAtMs = undefined;
  }

  private crash(process: ModelMember): void {
    process.isDead = true;
    this.disturbedAtMs = this.nowMs;
    this.processes.splice(this.processes.indexOf(process), 1);
    const name = this.random() < 0.5 ? process.id : `m-${(this.names += 1)}`;
    this.later(3_000 * this.random(), () => this.join(name));
  }

  private join(id: string, server = Math.floor(this.random() * serverCount)): void {
    const process = new ModelMember(id, server);
    this.processes.push(process);
    const every = (ms: number, run: () => void): void => {
      if (process.isDead) return;
      if (this.runs(process)) run();
      this.later(ms, () => every(ms, run));
    };
    every(renewEveryMs, () => this.renew(process));
    every(callEveryMs, () => this.call(process));
    every(lookEveryMs, () => this.look(process));
  }

  private turn(process: ModelMember): void {
    const { members, echo, held } = process;
    if (this.nowMs >= members.actsUntilMs()) held.clear();
    this.follow(process);
    const mayChange = this.nowMs < members.renewalEndsAtMs();
    const isDeaf = echo.deafMs(this.nowMs) > timing.memberTtlMs / 2;
    if (!mayChange || !echo.hasHeard || isDeaf) return;
    for (const id of members.surelyDead(this.nowMs)) this.bury(process, id);
    for (const { owner, revision } of this.leases) members.mentioned(owner, revision, this.nowMs);
    const alive = members.aliveIds(this.nowMs);
    for (const [lease, { owner }] of this.leases.entries()) {
      if (process.held.has(lease) || process.changing.has(lease)) continue;
      if (!alive.has(owner) || owner === process.id) this.take(process, lease);
    }
  }

  private take({ id, members, held, changing }: ModelMember, lease: number): void {
    const before = this.leases[lease];
    if (before === undefined) return;
    const epoch = before.epoch + 1;
    changing.add(lease);
    let isLate = false;
    this.later(changeMaxMs, () => {
      if (!isLate) changing.delete(lease);
      isLate = true;
    });
    this.write(id, () => {
      const isTaken = this.leases[lease] === before;
      if (isTaken) {
        this.leases[lease] = { owner: id, epoch, revision: this.log.length };
        if (before.owner !== id && before.owner !== "") this.takenOver += 1;
      }
      return () => {
        if (isLate) return;
        isLate = true;
        changing.delete(lease);
        if (isTaken && this.nowMs < members.actsUntilMs()) held.set(lease, epoch);
      };
    });
  }

  private follow(process: ModelMember): void {
    const server = this.serverOf(process.id);
    if (server === undefined) {
      process.reading = undefined;
      process.isReading = false;
      return;
    }
    if (process.reading?.server !== server) {
      const fromMs = this.nowMs + reopenMaxMs * this.random();
      process.reading = { server, fromMs };
      process.isReading = false;
    }
    if (!this.reaches(process.id, "bucket") || this.nowMs < process.reading.fromMs) return;
    if (!process.isReading) process.members.trustAgain(this.nowMs);
    process.isReading = true;
    this.read(process);
  }

  /** Some of what it has not read: a copy may be behind. */
  private read(process: ModelMember): void {
    const behind = this.random() < 0.3;
    for (const entry of this.log.slice(process.readRevision)) {
      if (behind && this.random() < 0.5) return;
      process.readRevision = entry.revision;
      process.heardRevisions.set(entry.id, entry.revision);
      if (entry.id === process.id) process.echo.heard(entry.revision, this.nowMs);
      else if (entry.witnessIds === undefined) process.members.gone(entry.id, entry.revision);
      else if (process.members.recorded(entry.id, entry.witnessIds, this.nowMs))
        this.renew(process);
    }
    process.members.heardOwn(process.echo.hasHeardUntilMs);
    for (const [lease, epoch] of process.held) {
      if ((this.leases[lease]?.epoch ?? 0) > epoch) process.held.delete(lease);
    }
  }

  private renew(process: ModelMember): void {
    if (process.echo.deafWhileWritingMs >= timing.memberTtlMs) return;
    const sentAtMs = this.nowMs;
    const witnessIds = process.members.renewing(sentAtMs);
    this.write(process.id, () => {
      const revision = this.store(process.id, witnessIds);
      return () => {
        this.fenceFirst(process);
        process.members.renewed(sentAtMs, witnessIds);
        process.echo.wrote(revision, sentAtMs);
      };
    });
  }

  private call(process: ModelMember): void {
    if (process.echo.deafWhileWritingMs >= timing.memberTtlMs) return;
    const sentAtMs = this.nowMs;
    for (const id of process.members.witnessIds()) {
      this.send(process.id, id, () => {
        const other = this.processes.find((each) => each.id === id);
        if (other === undefined || !this.runs(other)) return;
        if (!other.members.called(process.id, this.nowMs)) return;
        this.send(id, process.id, () => {
          if (!this.runs(process)) return;
          this.fenceFirst(process);
          process.members.answeredBy(id, sentAtMs);
        });
      });
    }
  }

  private look({ id, members }: ModelMember): void {
    const sentAtMs = this.nowMs;
    if (!members.hasStrangers(sentAtMs)) return members.looked(sentAtMs, false);
    this.send(id, "bucket", () => {
      const { areTogether } = this.servers;
      this.send("bucket", id, () => members.looked(sentAtMs, areTogether));
    });
  }

  private fenceFirst({ members, held }: ModelMember): void {
    if (this.nowMs >= members.actsUntilMs()) held.clear();
  }

  private bury(process: ModelMember, id: string): void {
    const seen = process.heardRevisions.get(id);
    this.write(process.id, () => {
      const latest = this.log.findLast((entry) => entry.id === id);
      if (latest?.revision === seen) this.store(id, undefined);
      return undefined;
    });
  }

  private store(id: string, witnessIds: readonly string[] | undefined): number {
    const revision = this.log.length + 1;
    this.log.push({ revision, id, witnessIds });
    return revision;
  }

  /** What is stored may be stored and not be told of. */
  private write(id: string, store: () => (() => void) | undefined): void {
    const process = this.processes.find((each) => each.id === id);
    if (process === undefined) return;
    this.send(id, "bucket", () => {
      const told = store();
      if (told === undefined) return;
      this.send("bucket", id, () => {
        if (this.runs(process)) told();
      });
    });
  }

  private send(from: string, to: string, arrive: () => void): void {
    if (!this.reaches(from, to)) return;
    this.later(wayMaxMs * this.random(), () => {
      if (this.reaches(from, to)) arrive();
    });
  }

  private later(ms: number, run: () => void): void {
    this.due.push({ atMs: this.nowMs + ms, run });
  }

  private runs(process: ModelMember): boolean {
    return !process.isDead && this.nowMs >= process.pausedUntilMs;
  }

  private reaches(from: string, to: string): boolean {
    const [one, other] = [this.serverOf(from), this.serverOf(to)];
    if (one === undefined || other === undefined || this.isCut(from, to)) return false;
    return this.servers.hear(one, other);
  }

  /** Where it is connected; undefined while it is to none. */
  private serverOf(name: string): number | undefined {
    if (name === "bucket") return this.servers.leader;
    if (this.isCut(name, "server")) return undefined;
    return this.processes.find(({ id }) => id === name)?.server;
  }

  private isCut(one: string, other: string): boolean {
    const untilMs = (key: string): number => this.cuts.get(key) ?? 0;
    return Math.max(untilMs(`${one}/${other}`), untilMs(`${other}/${one}`)) > this.nowMs;
  }

  private drawn(): ModelMember | undefined {
    return this.processes[Math.floor(this.random() * this.processes.length)];
  }
}

/** Numbers in [0, 1) that the seed decides (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("Members through elections, cuts, pauses and crashes", () => {
  it("never act two for one lease, outlive elections, and take over from the dead in time", function () {
    this.timeout(120_000);
    let takenOver = 0;
    let outlived = 0;
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const world = new World(seed);
      for (let lease = 0; lease < 4; lease += 1)
        world.leases.push({ owner: "", epoch: 0, revision: 0 });
      try {
        while (world.nowMs < runMs) world.tick();
      } catch (error) {
        assert.fail(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
      }
      takenOver += world.takenOver;
      outlived += world.outlived;
    }
    assert.ok(takenOver > runs, `${takenOver} leases were taken over`);
    assert.ok(outlived > runs, `${outlived} ticks were acted through without renewing`);
  });
});
