/**
 * One shard with many functions, in a trace's proportions: what each costs in memory and in the snapshot, how
 * many calls a second it takes in, how long the work of one turn is, and how soon it is back. It runs the shard
 * itself, from the bytes of its arrivals and a snapshot in a real nats-server; time is
 * the trace's; one host has a VM for every order. A minute of calls is measured, in which the calls of a trace's row that stands for many functions
 * come at one instant.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import { silentLogger, TidepoolError } from "@tidepool/common";
import { demandOf, planPolicyDefault, policyNamed, seededRandom } from "@tidepool/policy";
import { tidepool, toTimestamp } from "@tidepool/proto";
import { encodeMemory, HostTable, NatsSnapshotStore, parseArrivals, parseFunctionVersion, parseHeartbeat, Shard, tenantTermsDefault, ToldUses, } from "@tidepool/scheduler/measuring";
import { quantile, rowOf } from "./stats.js";
import { drawPatterns, tracePath } from "./trace-mix.js";
const sizes = (process.env["BENCH_FUNCTIONS"] ?? "10000,100000,1000000").split(",").map(Number);
const policy = policyNamed(process.env["BENCH_POLICY"] ?? "learned");
const patternCount = Number(process.env["BENCH_PATTERNS"] ?? "1000");
/** Of virtual time, that calls and wakes are measured in. */
const measuredMs = 60_000;
/** A frontend sends its calls on so often, or when it has so many. */
const tickMs = 50;
const callsPerBatch = 500;
const settings = planPolicyDefault;
const { ArrivalBatch: ArrivalBatchWire } = tidepool.internal.v1;
export async function benchScale() {
    const patterns = await drawPatterns(patternCount);
    const startMs = patterns[0]?.endMs ?? 0;
    const learned = patterns.map((pattern) => learn(pattern, startMs));
    const rows = [];
    const claims = [];
    for (const size of sizes) {
        const { figures, turnsMs } = await measure(size, patterns, learned, startMs);
        rows.push(rowOf(`a turn of planning, ${size} functions`, turnsMs));
        claims.push(...figures);
    }
    return {
        title: `one shard with the mix of ${tracePath.split("/").at(-1) ?? ""}, policy '${policy.name}'`,
        accelerator: "none",
        rows,
        claims,
    };
}
function learn({ atMs }, nowMs) {
    let record = policy.createRecord(settings);
    for (const at of atMs)
        record = policy.noteArrival(record, settings, at);
    const part = policy.functionDemand(record, settings, nowMs);
    return {
        memory: Uint8Array.from(encodeMemory({ record, ledger: undefined })),
        sequence: 1,
        wakeAtMs: policy.decide(record, settings, { idleVmCount: 0 }, nowMs).nextWakeAtMs,
        version: "1",
        demand: part.count > 0 ? { demand: demandOf(part), isPeriodic: part.degree > 0 } : undefined,
    };
}
async function measure(size, patterns, learned, startMs) {
    const storeDir = await mkdtemp(join(tmpdir(), "tidepool-scale-"));
    const server = await startNatsServer({ storeDir });
    const bus = await connectBus({
        servers: server.url,
        name: "bench",
        component: "scheduler",
        logger: silentLogger,
    });
    try {
        const storage = await ensureStorage(bus);
        const store = new NatsSnapshotStore(storage, silentLogger);
        const savingAtMs = performance.now();
        await store.save({ shard: 0, epoch: 1 }, 1, functionsOf(size, learned));
        const savedMs = performance.now() - savingAtMs;
        const snapshotBytes = (await storage.snapshots.status()).size / size;
        const bytesBefore = usedBytes();
        const beganAtMs = performance.now();
        const world = new MeasuredWorld(store, startMs);
        const shard = new Shard(world.parts, 0);
        await shard.start();
        const restoredMs = performance.now() - beganAtMs;
        const bytesRestored = (usedBytes() - bytesBefore) / size;
        const before = process.cpuUsage();
        const run = await runMinute(shard, world, size, patterns, startMs);
        const { user, system } = process.cpuUsage(before);
        const bytesWorked = (usedBytes() - bytesBefore) / size;
        await shard.stop(false);
        if (world.seen !== size + run.calls)
            throw new TidepoolError("internal", `${world.seen} of ${size} functions and ${run.calls} calls seen`);
        const of = `${size} functions`;
        const claim = (what, value, unit, bound) => ({
            what: `${of}: ${what}`,
            value,
            unit,
            bound,
        });
        const figures = [
            claim("memory each, restored", bytesRestored, "bytes", { atMost: 2_048 }),
            claim("memory each, after the minute", bytesWorked, "bytes", { atMost: 2_048 }),
            claim("snapshot each", snapshotBytes, "bytes", { atMost: 2_048 }),
            claim("calls taken in and planned for", (run.calls * 1_000) / run.callsMs, "a second", {
                atLeast: 50_000,
            }),
            claim("processor time of a call, all threads and all plans", (user + system) / run.calls, "µs", {
                atMost: 40,
            }),
            claim("turn of planning, 99th percentile", quantile(run.turnsMs, 0.99), "ms", { atMost: 50 }),
            claim("longest turn of planning", Math.max(...run.turnsMs), "ms", { atMost: 200 }),
            claim("busy at the trace's own rate", (run.callsMs + run.wakesMs) / measuredMs, "of one core", {
                atMost: 1,
            }),
            claim("written into its snapshot", savedMs / 1_000, "s", { atMost: 60 }),
            claim("restored from its snapshot", restoredMs / 1_000, "s", { atMost: 60 }),
        ];
        return { figures, turnsMs: run.turnsMs };
    }
    finally {
        await bus.close();
        await server.stop();
        await rm(storeDir, { recursive: true, force: true });
    }
}
function* functionsOf(size, learned) {
    for (let i = 0; i < size; i += 1) {
        const one = learned[i % learned.length];
        if (one !== undefined)
            yield { name: nameOf(i), ...one };
    }
}
/** The trace's day begins again at `startMs`: its first minute of calls, and the wakes that fall due in it. */
async function runMinute(shard, world, size, patterns, startMs) {
    const ticks = ticksOf(size, patterns);
    const turnsMs = [];
    let sequence = 1;
    let calls = 0;
    let callsMs = 0;
    let wakesMs = 0;
    const plan = () => {
        let sumMs = 0;
        for (let isMore = true; isMore;) {
            const beganAtMs = performance.now();
            isMore = shard.turn();
            turnsMs.push(performance.now() - beganAtMs);
            sumMs += turnsMs.at(-1) ?? 0;
        }
        return sumMs;
    };
    for (let tick = 0; tick < measuredMs / tickMs; tick += 1) {
        world.nowMs = startMs + (tick + 1) * tickMs;
        wakesMs += plan();
        const due = ticks[tick] ?? [];
        for (let from = 0; from < due.length; from += callsPerBatch) {
            const arrivals = due.slice(from, from + callsPerBatch).map(({ index, sinceMs }) => ({
                functionName: nameOf(index),
                version: "1",
                requestId: "0197a3c2-52f1-7000-8000-000000000000",
                at: toTimestamp(startMs + sinceMs),
            }));
            const bytes = ArrivalBatchWire.encode({ arrivals }).finish();
            calls += arrivals.length;
            sequence += 1;
            const beganAtMs = performance.now();
            world.receive(parseArrivals(ArrivalBatchWire.decode(bytes), sequence, world.nowMs));
            callsMs += performance.now() - beganAtMs;
            callsMs += plan();
        }
        // What the shard sends is sent between its turns.
        await new Promise((resume) => setImmediate(resume));
    }
    return { calls, callsMs, wakesMs, turnsMs };
}
/** By ticks; those of one instant in an order that has nothing to do with names. */
function ticksOf(size, patterns) {
    const ticks = [];
    const random = seededRandom(7);
    for (let index = 0; index < size; index += 1) {
        for (const sinceMs of patterns[index % patterns.length]?.atMs ?? []) {
            if (sinceMs >= measuredMs)
                break;
            const tick = (ticks[Math.floor(sinceMs / tickMs)] ??= []);
            tick.push({ index, sinceMs });
            const other = Math.floor(random() * tick.length);
            [tick[other], tick[tick.length - 1]] = [tick.at(-1), tick[other]];
        }
    }
    return ticks.map((tick) => tick.toSorted((a, b) => a.sinceMs - b.sinceMs));
}
/** What a shard needs around it, with time and arrivals in the bench's hand. */
class MeasuredWorld {
    nowMs;
    /** Functions restored and calls learned from. */
    seen = 0;
    parts;
    receive = () => { };
    constructor(store, nowMs) {
        this.nowMs = nowMs;
        const version = parseFunctionVersion({
            name: "any",
            version: "1",
            codeDigest: "sha256:1",
            settings: { runtime: "nodejs20", keepAliveMs: settings.keepAliveMs },
        });
        this.parts = {
            hosts: roomyHost(nowMs),
            policy: {
                ...policy,
                noteArrival: (...given) => {
                    this.seen += 1;
                    return policy.noteArrival(...given);
                },
            },
            commands: {
                assign: () => Promise.resolve("vm"),
                keep: () => Promise.resolve(),
            },
            snapshots: {
                load: (shard, take) => store.load(shard, (functions) => {
                    this.seen += functions.length;
                    take(functions);
                }),
                save: () => Promise.resolve(),
            },
            arrivals: {
                follow: (_shard, _from, receive) => {
                    this.receive = receive;
                    return Promise.resolve({ caughtUp: Promise.resolve(), stop: () => Promise.resolve() });
                },
            },
            functionOf: (name) => ({ ...version, name }),
            tenantOf: () => tenantTermsDefault,
            toldUses: new ToldUses(),
            shardPrewarmIdleVmSecondsMax: Number.POSITIVE_INFINITY,
            explanations: { add: () => { } },
            epochOf: () => 1,
            clock: { nowMs: () => this.nowMs, sleep: () => Promise.resolve() },
            random: seededRandom(1),
            logger: silentLogger,
            onDemandChanged: () => { },
        };
    }
}
/** One that has a VM for every order, and none that idles. */
function roomyHost(nowMs) {
    const hosts = new HostTable();
    const memoryMib = 2 ** 31;
    const pools = [{ runtime: "nodejs20", memoryMib: 128, ready: 2 ** 31, prepareP95Ms: 1_000 }];
    const room = { memoryMib, vmCountMax: 2 ** 31 };
    hosts.note(parseHeartbeat({ hostId: "h", address: "h:1", ...room, pools }), nowMs);
    return hosts;
}
const nameOf = (index) => `function-${index}`;
/** What is reachable: garbage is collected first. */
function usedBytes() {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
}
//# sourceMappingURL=scale.js.map