/**
 * The nats-servers of a model: they die, lose each other two by two or one from the others, and elect who leads the
 * bucket. What can be stored, who hears whom, and what the leader knows of the others follows from that.
 */
export const serverCount = 3;
/** A leader's word of a server it has not heard for so long is that it is away. */
const silenceMaxMs = 2_000;

export class ModelServers {
  nowMs = 0;
  leader: number | undefined = 0;
  private readonly random: () => number;
  private readonly downUntilMs = [0, 0, 0];
  private readonly cutUntilMs = new Map<string, number>();
  private readonly heardAtMs = [0, 0, 0];
  private electionEndsAtMs = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  tick(nowMs: number, often: (everyMs: number) => boolean): void {
    this.nowMs = nowMs;
    const one = Math.floor(this.random() * serverCount);
    if (often(60_000)) this.downUntilMs[one] = this.soon();
    if (often(60_000)) this.cut(one, (one + 1) % serverCount);
    if (often(60_000)) this.isolate(one);
    const isOver = this.leader !== undefined && !this.hasMajority(this.leader);
    if (isOver || (this.leader !== undefined && often(40_000))) {
      this.leader = undefined;
      this.electionEndsAtMs = nowMs + 4_000 + 6_000 * this.random();
    }
    if (this.leader === undefined && nowMs >= this.electionEndsAtMs) this.elect();
    for (let server = 0; server < serverCount; server += 1) {
      if (this.leader !== undefined && this.hear(server, this.leader))
        this.heardAtMs[server] = nowMs;
    }
  }

  /** From the two others. */
  isolate(server: number): void {
    this.cut(server, (server + 1) % serverCount);
    this.cut(server, (server + 2) % serverCount);
  }

  /** Two servers each other, or one itself. */
  hear(one: number, other: number): boolean {
    if (!this.isUp(one) || !this.isUp(other)) return false;
    return one === other || this.nowMs >= (this.cutUntilMs.get(pairOf(one, other)) ?? 0);
  }

  /** Whether who is connected there can store something. */
  stores(server: number): boolean {
    return this.leader !== undefined && this.hear(server, this.leader);
  }

  hasMajority(server: number): boolean {
    const heard = [...Array(serverCount).keys()].filter((other) => this.hear(server, other));
    return 2 * heard.length > serverCount;
  }

  /** By the leader's word. */
  get areTogether(): boolean {
    return this.heardAtMs.every((atMs) => this.nowMs - atMs < silenceMaxMs);
  }

  /** In truth. */
  get areWell(): boolean {
    const all = [...Array(serverCount).keys()];
    return this.leader !== undefined && all.every((one) => all.every((two) => this.hear(one, two)));
  }

  private cut(one: number, other: number): void {
    this.cutUntilMs.set(pairOf(one, other), this.soon());
  }

  private soon(): number {
    return this.nowMs + 20_000 * this.random();
  }

  private isUp(server: number): boolean {
    return this.nowMs >= (this.downUntilMs[server] ?? 0);
  }

  private elect(): void {
    const candidates = [...Array(serverCount).keys()].filter((server) => this.hasMajority(server));
    this.leader = candidates[Math.floor(this.random() * candidates.length)];
    this.heardAtMs.fill(Number.NEGATIVE_INFINITY);
  }
}

function pairOf(one: number, other: number): string {
  return `${Math.min(one, other)}|${Math.max(one, other)}`;
}
