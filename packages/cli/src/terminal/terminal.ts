/**
 * Where a command writes: results on stdout, everything said about them on stderr. Colour only on a
 * terminal, and never with NO_COLOR. Commands take a Terminal, so tests can read what was said.
 */
import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "blue";

export interface Terminal {
  /** A result, as it is: the caller adds line ends. */
  out(text: string): void;
  /** A line about the work. */
  say(line: string): void;
  /** Replaces the last status; an empty text removes it. Nothing where stderr is no terminal. */
  status(text: string): void;
  /** Colours for stderr: what is said. */
  paint(style: Style, text: string): string;
  /** Colours for stdout: what is a result. */
  paintOut(style: Style, text: string): string;
  readonly isInteractive: boolean;
  readonly columns: number;
}

const columnsDefault = 100;

export function openTerminal(
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): Terminal {
  const isPlain = env["TERM"] === "dumb" || env["CI"] === "true";
  const isInteractive = stderr.isTTY === true && !isPlain;
  const painter =
    (stream: NodeJS.WriteStream): Terminal["paint"] =>
    (style, text) =>
      stream.isTTY === true && !isPlain && (env["NO_COLOR"] ?? "") === ""
        ? styleText(style, text, { validateStream: false })
        : text;
  let statusLineCount = 0;
  let statusText = "";

  const erase = (): string =>
    statusLineCount === 0 ? "" : `\r\x1b[${statusLineCount}A\x1b[0J`.replace("\x1b[0A", "");
  const draw = (text: string): string => {
    statusText = text;
    statusLineCount = text === "" ? 0 : text.split("\n").length;
    return text === "" ? "" : `${text}\n`;
  };

  return {
    out(text) {
      if (statusLineCount > 0) {
        stderr.write(erase());
        stdout.write(text);
        stderr.write(draw(statusText));
      } else stdout.write(text);
    },
    say(line) {
      stderr.write(`${erase()}${line}\n${draw(statusText)}`);
    },
    status(text) {
      if (!isInteractive) return;
      const fitting = text
        .split("\n")
        .map((line) => fitLine(line, stderr.columns ?? columnsDefault))
        .join("\n");
      stderr.write(erase() + draw(fitting));
    },
    paint: painter(stderr),
    paintOut: painter(stdout),
    isInteractive,
    get columns() {
      return stderr.columns ?? columnsDefault;
    },
  };
}

const escapes = new RegExp(`(${String.fromCodePoint(27)}\\[[0-9;]*m)`);

/** Cuts a line at the terminal's width, colours not counted: one that wraps could not be erased. */
export function fitLine(line: string, columns: number): string {
  let left = columns - 1;
  return line
    .split(escapes)
    .map((part) => {
      if (escapes.test(part)) return part;
      const kept = part.slice(0, Math.max(0, left));
      left -= kept.length;
      return kept;
    })
    .join("");
}
