/** A terminal that keeps what was written, without colours. */
import type { Terminal } from "../terminal/terminal.ts";

export interface TestTerminal {
  readonly terminal: Terminal;
  /** Results, as they were written. */
  readonly out: string[];
  /** Lines about the work. */
  readonly said: string[];
}

export function aTerminal(): TestTerminal {
  const out: string[] = [];
  const said: string[] = [];
  const terminal: Terminal = {
    out: (text) => out.push(text),
    say: (line) => said.push(line),
    status: () => {},
    paint: (_, text) => text,
    paintOut: (_, text) => text,
    isInteractive: false,
    columns: 100,
  };
  return { terminal, out, said };
}
