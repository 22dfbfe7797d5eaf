/**
 * Members by themselves, in a time of the test's own, through elections of the bucket, cuts between members and from the
 * bucket, pauses of processes, crashes and newcomers, all at random. Whatever comes: two never act for one lease.
 * TIDEPOOL_MODEL_SEED repeats a run.
 */
import assert from "node:assert/strict";
import { Membership } from "./membership.ts";
import { OwnEcho } from "./own-echo.ts";

const timing = { memberTtlMs: 4_000, fenceMarginMs: 1_000, electionMaxMs: 12_000 };
const renewEveryMs = 1_000;
const callEveryMs = 500;
const tickMs = 50;
const runMs = 300_000;
const runs = 30;
const firstSeed = Number(process.env["TIDEPOOL_MODEL_SEED"] ?? 1);
/** Longest that a message is on its way: what a member acts on may be so old. */
const wayMaxMs = 400;

interface Entry {
  readonly revision: number;
  readonly id: string;
  readonly witnessIds: readonly string[] | undefined;
}

class Process {
  readonly id: string;
  readonly members: Membership;
  readonly echo = new OwnEcho(timing.memberTtlMs / 2);
  readonly heardRevisions = new Map<string, number>();
  /** Epochs of leases that it believes to have. */
  readonly held = new Map<number, number>();
  readRevision = 0;
  pausedUntilMs = 0;
  /** It comes and goes by whole ticks, and another of its name begins. */
  isDead = false;

  constructor(id: string) {
    this.id = id;
    this.members = new Membership(id, timing);
  }

  acts(lease: number, nowMs: number): boolean {
    return !this.isDead && this.held.has(lease) && nowMs < this.members.actsUntilMs();
  }
}

class World {
  nowMs = 0;
  readonly processes: Process[] = [];
  readonly log: Entry[] = [];
  /** Owner and epoch, by lease. */
  readonly leases: { owner: string; epoch: number }[] = [];
  elects = false;
  takenOver = 0;
  outlived = 0;
  private readonly random: () => number;
  private readonly cuts = new Map<string, number>();
  private readonly due: { atMs: number; run: () => void }[] = [];
  private electionEndsAtMs = 0;
  private names = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
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
    for (const lease of this.leases.keys()) {
      const acting = this.processes.filter((process) => process.acts(lease, this.nowMs));
      const who = acting.map(({ id, held }) => `${id} under ${held.get(lease)}`);
      assert.ok(acting.length <= 1, `at ${this.nowMs} ms lease ${lease}: ${who.join(", ")}`);
      const [one] = acting;
      if (one !== undefined && this.nowMs >= one.members.renewalEndsAtMs()) this.outlived += 1;
    }
  }

  private disturb(): void {
    const { random, nowMs } = this;
    const often = (everyMs: number): boolean => random() < tickMs / everyMs;
    if (!this.elects && often(30_000)) this.electionEndsAtMs = nowMs + 4_000 + 6_000 * random();
    this.elects = nowMs < this.electionEndsAtMs;
    const one = this.drawn();
    const other = random() < 0.5 ? "bucket" : this.drawn()?.id;
    if (one === undefined) return;
    if (other !== undefined && often(15_000))
      this.cuts.set(`${one.id}/${other}`, nowMs + 25_000 * random());
    if (often(25_000)) one.pausedUntilMs = nowMs + 8_000 * random();
    if (often(40_000)) {
      one.isDead = true;
      this.processes.splice(this.processes.indexOf(one), 1);
      const name = random() < 0.5 ? one.id : `m-${(this.names += 1)}`;
      this.later(3_000 * random(), () => this.join(name));
    }
  }

  private join(id: string): void {
    const process = new Process(id);
    this.processes.push(process);
    const every = (ms: number, run: () => void): void => {
      if (process.isDead) return;
      if (this.runs(process)) run();
      this.later(ms, () => every(ms, run));
    };
    every(renewEveryMs, () => this.renew(process));
    every(callEveryMs, () => this.call(process));
  }

  private turn(process: Process): void {
    const { members, echo, held } = process;
    if (this.nowMs >= members.actsUntilMs()) held.clear();
    if (this.reaches(process.id, "bucket")) this.read(process);
    const mayChange = this.nowMs < members.renewalEndsAtMs();
    const isDeaf = echo.deafMs(this.nowMs) > timing.memberTtlMs / 2;
    if (!mayChange || !echo.hasHeard || isDeaf) return;
    for (const id of members.surelyDead(this.nowMs)) this.bury(process, id);
    const alive = members.aliveIds(this.nowMs);
    for (const [lease, { owner, epoch }] of this.leases.entries()) {
      if (process.held.has(lease) || (alive.has(owner) && owner !== process.id)) continue;
      this.write(process, () => {
        const current = this.leases[lease];
        if (current?.epoch !== epoch) return;
        this.leases[lease] = { owner: process.id, epoch: epoch + 1 };
        if (owner !== process.id && owner !== "") this.takenOver += 1;
        return () => {
          if (this.nowMs < members.actsUntilMs()) held.set(lease, epoch + 1);
        };
      });
    }
  }

  /** Some of what it has not read: a copy may be behind. */
  private read(process: Process): void {
    const behind = this.random() < 0.3;
    for (const entry of this.log.slice(process.readRevision)) {
      if (behind && this.random() < 0.5) return;
      process.readRevision = entry.revision;
      process.heardRevisions.set(entry.id, entry.revision);
      if (entry.id === process.id) process.echo.heard(entry.revision, this.nowMs);
      else if (entry.witnessIds === undefined) process.members.gone(entry.id);
      else process.members.recorded(entry.id, entry.witnessIds, this.nowMs);
    }
    for (const [lease, epoch] of process.held) {
      if ((this.leases[lease]?.epoch ?? 0) > epoch) process.held.delete(lease);
    }
  }

  private renew(process: Process): void {
    if (process.echo.deafWhileWritingMs >= timing.memberTtlMs) return;
    const sentAtMs = this.nowMs;
    const witnessIds = process.members.renewing(sentAtMs);
    this.write(process, () => {
      const revision = this.store(process.id, witnessIds);
      return () => {
        this.fenceFirst(process);
        process.members.renewed(sentAtMs, witnessIds);
        process.echo.wrote(revision, sentAtMs);
      };
    });
  }

  private call(process: Process): void {
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

  private fenceFirst({ members, held }: Process): void {
    if (this.nowMs >= members.actsUntilMs()) held.clear();
  }

  private bury(process: Process, id: string): void {
    const seen = process.heardRevisions.get(id);
    this.write(process, () => {
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
  private write(process: Process, store: () => (() => void) | undefined): void {
    this.send(process.id, "bucket", () => {
      if (this.elects) return;
      const told = store();
      if (told === undefined) return;
      this.send("bucket", process.id, () => {
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

  private runs(process: Process): boolean {
    return !process.isDead && this.nowMs >= process.pausedUntilMs;
  }

  private reaches(from: string, to: string): boolean {
    const isCut = (key: string): boolean => (this.cuts.get(key) ?? 0) > this.nowMs;
    return !isCut(`${from}/${to}`) && !isCut(`${to}/${from}`);
  }

  private drawn(): Process | undefined {
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
  it("never act two for one lease, outlive elections, and take over from the dead", function () {
    this.timeout(120_000);
    let takenOver = 0;
    let outlived = 0;
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const world = new World(seed);
      for (let lease = 0; lease < 4; lease += 1) world.leases.push({ owner: "", epoch: 0 });
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
