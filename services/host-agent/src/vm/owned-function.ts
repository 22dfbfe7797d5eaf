/** What a VM is loaded with, and the forecast window that it may wait for: validated, free of wire types. */

export interface OwnedFunction {
  readonly name: string;
  readonly version: string;
  /** 64 hex digits. */
  readonly codeDigest: string;
  readonly runtime: string;
  /** "file.export", as in "index.handler". */
  readonly handler: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
  readonly network?: "internet";
  readonly environment: Readonly<Record<string, string>>;
  /** Environment variable to the name of the secret whose value it gets. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Every VM serves one call. */
  readonly singleUse: boolean;
  /** Longest that its load and its own init may take, or what it does after a restore. */
  readonly initTimeoutMs: number;
  /** A template may be taken after its init. */
  readonly snapshotInit: boolean;
  /** How long a VM stays after a call when nothing is known of the next. */
  readonly keepAliveMs: number;
}

export interface ForecastWindow {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  readonly count: number;
  readonly degree: number;
}
