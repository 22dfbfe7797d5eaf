/** How a command ends, for scripts. Append only; the table is in docs/errors.md. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** The system did its part; the function threw, ran out of a limit or crashed. */
  functionFailure: 3,
  /** SIGINT: 128 + 2. */
  interrupted: 130,
} as const;
