import assert from "node:assert/strict";
import type { Clock } from "@tidepool/common";
import { deferred } from "../deferred.ts";
import type { RunningProcess } from "./service-process.ts";
import { backoffMaxMs, restartsMax, Supervisor } from "./supervisor.ts";

const never = new AbortController().signal;

/** Time that passes only when somebody sleeps. */
function aClock(): Clock & { readonly sleptMs: number[] } {
  const sleptMs: number[] = [];
  return {
    sleptMs,
    nowMs: () => 0,
    sleep: async (ms) => void sleptMs.push(ms),
  };
}

function aProcess(events: string[], name: string): RunningProcess & { die(): void } {
  const exited = deferred<string>();
  return {
    pid: 1,
    exited: exited.promise,
    lastLines: () => [`{"level":"error","msg":"no luck","error":{"message":"of ${name}"}}`],
    stop: async () => {
      events.push(`stop ${name}`);
      exited.resolve("exit code 0");
    },
    kill: () => {},
    die: () => exited.resolve("exit code 7"),
  };
}

describe("Supervision", () => {
  it("stops parts in the reverse order of their start", async () => {
    const events: string[] = [];
    const supervisor = new Supervisor(() => {}, aClock());
    for (const name of ["nats", "host"])
      await supervisor.start({ name, start: async () => aProcess(events, name) }, never);
    await supervisor.stop();
    assert.deepEqual(events, ["stop host", "stop nats"]);
  });

  it("names a part that died, with its last words, and starts it again", async () => {
    const said: string[] = [];
    const started: ReturnType<typeof aProcess>[] = [];
    const again = deferred<void>();
    const supervisor = new Supervisor((line) => said.push(line), aClock());
    const start = async (): Promise<RunningProcess> => {
      const one = aProcess([], "host");
      started.push(one);
      if (started.length === 2) again.resolve();
      return one;
    };
    await supervisor.start({ name: "host", start }, never);
    started[0]?.die();
    await again.promise;
    await supervisor.stop();
    assert.match(
      said[0] ?? "",
      /^host died \(exit code 7\); its last lines:\n +error: no luck \(of host\)$/,
    );
  });

  it("waits longer each time a part dies, up to a limit, and gives up in the end", async () => {
    const clock = aClock();
    const supervisor = new Supervisor(() => {}, clock);
    let starts = 0;
    const start = async (): Promise<RunningProcess> => {
      starts += 1;
      const one = aProcess([], "host");
      one.die();
      return one;
    };
    await supervisor.start({ name: "host", start }, never);
    await assert.rejects(supervisor.failed, { code: "unavailable", message: /died 9 times/ });
    await supervisor.stop();
    assert.equal(starts, 1 + restartsMax);
    assert.deepEqual(clock.sleptMs.slice(0, 3), [500, 1_000, 2_000]);
    assert.equal(clock.sleptMs.at(-1), backoffMaxMs);
  });

  it("waits for a part that is starting when it is told to stop", async () => {
    const began = deferred<void>();
    let hasEnded = false;
    const supervisor = new Supervisor(() => {}, aClock());
    const start = (signal: AbortSignal): Promise<RunningProcess> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () =>
          setTimeout(() => {
            hasEnded = true;
            reject(signal.reason as Error);
          }, 5),
        );
        began.resolve();
      });
    const starting = supervisor.start({ name: "host", start }, never);
    starting.catch(() => {});
    await began.promise;
    await supervisor.stop();
    assert.equal(hasEnded, true);
  });
});
