/**
 * Ends VMs whose host-agent does not come back: paused guests cannot end themselves. A shell that sleeps until
 * the agent has gone, waits, and kills what is left of this folder, unless another agent has taken over.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { quoted } from "./domains-on-host.ts";

/** So long VMs wait for their host-agent. */
export const agentGoneMaxMs = 60_000;

const script = `
cat > /dev/null
sleep "$3"
is_ours() { [ "$(cat "$1/keeper" 2> /dev/null)" = "$2" ]; }
is_ours "$@" || exit 0
for process in /proc/[0-9]*; do
  grep -qaF "$4=$5/" "$process/cmdline" 2> /dev/null && kill -KILL "\${process#/proc/}"
done
is_ours "$@" && rm -rf "$1"/*
`;

export class Keeper {
  readonly #file: string;
  readonly #token = randomBytes(8).toString("hex");
  readonly #shell: ChildProcess;

  /**
   * From now on this agent is the folder's.
   * @param argument of QEMU's that names something in the folder, in the process of each VM
   */
  constructor(stateDir: string, argument: "guest" | "path", waitMs = agentGoneMaxMs) {
    this.#file = join(stateDir, "keeper");
    writeFileSync(this.#file, this.#token, { mode: 0o600 });
    const seconds = String(waitMs / 1000);
    const given = [stateDir, this.#token, seconds, argument, quoted(stateDir)];
    const words = ["-c", script, "tidepool-keeper", ...given];
    // Its input ends with this process, however that comes.
    this.#shell = spawn("/bin/sh", words, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    this.#shell.unref();
    (this.#shell.stdin as { unref?: () => void } | null)?.unref?.();
  }

  /** Nothing is left to be kept. */
  stop(): void {
    this.#shell.kill("SIGKILL");
    try {
      if (readFileSync(this.#file, "utf8") === this.#token) rmSync(this.#file);
    } catch {
      // another has taken it away already
    }
  }
}
