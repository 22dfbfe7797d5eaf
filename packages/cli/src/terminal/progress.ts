/**
 * A bar for long work. On a terminal it redraws one line; elsewhere it prints a line at each tenth once the
 * work has taken a while, so that a log shows progress without filling up.
 */
import type { Terminal } from "./terminal.ts";

export interface ProgressBar {
  update(done: number, total: number): void;
  /** Removes the bar; call it also when the work failed. */
  end(): void;
}

const barWidth = 24;
const redrawMs = 80;
/** Work shorter than this needs no lines in a log. */
const shortWorkMs = 2_000;

export function startProgress(
  terminal: Terminal,
  title: string,
  format: (value: number) => string,
): ProgressBar {
  let lastTenth = -1;
  let lastDrawAtMs = 0;
  const startedAtMs = Date.now();
  return {
    update(done, total) {
      const share = total === 0 ? 1 : Math.min(1, done / total);
      if (!terminal.isInteractive) {
        const tenth = Math.floor(share * 10);
        if (tenth <= lastTenth || Date.now() - startedAtMs < shortWorkMs) return;
        terminal.say(`${title} ${tenth * 10} %`);
        lastTenth = tenth;
        return;
      }
      if (Date.now() - lastDrawAtMs < redrawMs && share < 1) return;
      lastDrawAtMs = Date.now();
      const filled = Math.round(share * barWidth);
      const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
      terminal.status(`${title} ${bar} ${format(done)} of ${format(total)}`);
    },
    end: () => terminal.status(""),
  };
}
