/**
 * A replay as it goes: a line for each call (how it started, its forecast beside what came) above a status
 * with the pools, redrawn on a terminal; elsewhere a line when the warming target changes. All times of day
 * and durations of waiting are the trace's; what a call took is real time.
 */
import { paintStart } from "../commands/describe-result.ts";
import { formatDuration, formatMs } from "../terminal/format.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { CallAnswer, ForecastWindow, PoolLevel, ReplayView } from "./replay.ts";
import type { PlannedCall } from "./schedule.ts";
import type { CallResult } from "./summary.ts";

export interface LiveViewOptions {
  readonly speed: number;
  readonly firstMinute: number;
}

const minuteMs = 60_000;
const nameWidthMax = 24;

export function createLiveView(terminal: Terminal, options: LiveViewOptions): ReplayView {
  const { speed, firstMinute } = options;
  const deploying = startProgress(terminal, "deploying functions", String);
  let startAtMs = 0;
  let total = 0;
  let made = 0;
  let lastAtMs = 0;
  let level: PoolLevel | undefined;
  let lastTarget: number | undefined;
  const traceClock = (atMs: number): string => clockOf(firstMinute * minuteMs + atMs);
  const toTrace = (realMs: number): number => (realMs - startAtMs) * speed;

  const draw = (): void => {
    if (level === undefined) return;
    const { generic, target, baseTarget, idle, busy, total: vms, periodicFunctions } = level;
    const bar =
      terminal.paint("green", "●".repeat(generic)) + "○".repeat(Math.max(0, target - generic));
    terminal.status(
      [
        `${terminal.paint("bold", traceClock(lastAtMs))} · ${made} of ${total} calls · functions learned: ${periodicFunctions}`,
        `warming pool ${bar} ${generic} ready, target ${target} of ${baseTarget} · with code: ${idle} idle, ${busy} busy · ${vms} VMs`,
      ].join("\n"),
    );
  };

  return {
    deployed(done, all) {
      deploying.update(done, all);
      if (done === all) deploying.end();
    },
    started(calls, atMs) {
      startAtMs = atMs;
      total = calls;
      terminal.say(`${calls} calls; times are the trace's, ${speed} times faster than real`);
    },
    called(call, result, answer) {
      made += 1;
      lastAtMs = Math.max(lastAtMs, call.atMs);
      terminal.say(describeCall(call, result, answer, { terminal, speed, traceClock, toTrace }));
      draw();
    },
    pools(next) {
      level = next;
      if (lastTarget !== undefined && next.target !== lastTarget)
        terminal.say(
          terminal.paint(
            "bold",
            `          warming target ${lastTarget} → ${next.target} (functions learned: ${next.periodicFunctions}, VMs: ${next.total})`,
          ),
        );
      lastTarget = next.target;
      draw();
    },
  };
}

interface Timing {
  readonly terminal: Terminal;
  readonly speed: number;
  readonly traceClock: (atMs: number) => string;
  /** A real instant as trace time. */
  readonly toTrace: (realMs: number) => number;
}

function describeCall(
  call: PlannedCall,
  result: CallResult,
  answer: CallAnswer | undefined,
  timing: Timing,
): string {
  const { terminal, speed, traceClock } = timing;
  const head = `${traceClock(call.atMs)} ${call.functionName.slice(0, nameWidthMax).padEnd(12)} #${String(call.ordinal).padEnd(4)}`;
  if (answer === undefined) {
    const { code = "internal", message = "" } = result.failure ?? {};
    return `${head} ${terminal.paint("red", "failed")} ${code}: ${message}`;
  }
  const parts = [`${formatMs(result.latencyMs).padStart(8)}`];
  if (answer.readyBeforeMs > 0)
    parts.push(`VM ready ${formatDuration(answer.readyBeforeMs * speed)} before`);
  if (answer.window !== undefined) parts.push(describeWindow(answer.window, timing));
  return `${head} ${paintStart(answer.start, terminal, 9)} ${parts.join(" · ")}`;
}

function describeWindow(window: ForecastWindow, { traceClock, toTrace }: Timing): string {
  const timeOfDay = (realMs: number): string => traceClock(toTrace(realMs)).split(" ")[1] ?? "";
  const span = `${timeOfDay(window.startAtMs)}–${timeOfDay(window.endAtMs)}`;
  return `expected ${timeOfDay(window.expectedAtMs)} (${span}), degree ${window.degree.toFixed(2)}`;
}

/** "d3 08:14:30": day and time of day of the trace, which starts with day 1. */
export function clockOf(traceMs: number): string {
  const seconds = Math.floor(traceMs / 1000);
  const day = Math.floor(seconds / 86_400) + 1;
  const rest = ((seconds % 86_400) + 86_400) % 86_400;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  return `d${day} ${two(rest / 3600)}:${two((rest % 3600) / 60)}:${two(rest % 60)}`;
}
