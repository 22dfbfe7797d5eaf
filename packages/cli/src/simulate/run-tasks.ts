/**
 * Runs tasks beside each other in processes of their own, or here where there is little to do. How the work
 * is cut follows from the log alone, and results come in the order of the tasks: the number of processors
 * changes nothing but the time.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { TidepoolError } from "@tidepool/common";
import type { Workload } from "@tidepool/policy";
import { runTask } from "./task.ts";
import type { Task, TaskResults } from "./task.ts";

export const processesMax = 16;
/** Slots with calls: fewer in all tasks together take less time than a process takes to start. */
const slotsForProcesses = 20_000;
const slotsPerPart = 8_000;
const functionsPerPartMax = 500;

/** Consecutive functions in parts of about equal work. */
export function partsOf(workload: Workload): Workload[] {
  const parts: Workload[] = [];
  let functions: (typeof workload.functions)[number][] = [];
  let slots = 0;
  for (const calls of workload.functions) {
    functions.push(calls);
    slots += calls.slots.length;
    if (slots < slotsPerPart && functions.length < functionsPerPartMax) continue;
    parts.push({ ...workload, functions });
    functions = [];
    slots = 0;
  }
  if (functions.length > 0) parts.push({ ...workload, functions });
  return parts;
}

/** @returns results in the order of the tasks */
export async function runTasks<Kind extends Task["kind"]>(
  tasks: readonly Extract<Task, { kind: Kind }>[],
  onDone: (functions: number) => void,
  processCount = processesFor(tasks),
): Promise<TaskResults[Kind][]> {
  const workers = processCount < 2 ? [here] : Array.from({ length: processCount }, inProcess);
  const results: TaskResults[Kind][] = [];
  let next = 0;
  const drain = async (worker: Worker): Promise<void> => {
    for (let index = next; index < tasks.length; index = next) {
      next += 1;
      const task = tasks[index];
      if (task === undefined) return;
      results[index] = (await worker.run(task)) as TaskResults[Kind];
      onDone(task.part.functions.length);
    }
  };
  try {
    await Promise.all(workers.map(drain));
  } finally {
    for (const worker of workers) worker.stop();
  }
  return results;
}

function processesFor(tasks: readonly Task[]): number {
  const slots = tasks.reduce((sum, { part }) => sum + slotsOf(part), 0);
  return slots < slotsForProcesses
    ? 1
    : Math.min(processesMax, availableParallelism(), tasks.length);
}

interface Worker {
  run(task: Task): Promise<unknown>;
  stop(): void;
}

const here: Worker = { run: runTask, stop: () => {} };

function inProcess(): Worker {
  const path = import.meta.url.endsWith(".ts") ? "./task-process.ts" : "./task-process.js";
  const child = fork(fileURLToPath(new URL(path, import.meta.url)), {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return {
    run: (task) => ask(child, task),
    stop: () => child.kill(),
  };
}

function ask(child: ChildProcess, task: Task): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      child.off("message", answer);
      child.off("exit", exited);
      reject(new TidepoolError("internal", "a simulating process failed", { cause }));
    };
    const exited = (code: number | null, signal: string | null): void =>
      fail(new Error(`it ended with ${code ?? signal ?? "no code"}`));
    const answer = (message: unknown): void => {
      const { result, failure } = message as { result?: unknown; failure?: string };
      if (failure !== undefined) return fail(new Error(failure));
      child.off("exit", exited);
      child.off("error", fail);
      resolve(result);
    };
    child.once("message", answer);
    child.once("exit", exited);
    child.once("error", fail);
    child.send(task, (error) => {
      if (error !== null) fail(error);
    });
  });
}

function slotsOf({ functions }: Workload): number {
  return functions.reduce((sum, { slots }) => sum + slots.length, 0);
}
