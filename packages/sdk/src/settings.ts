/** What an owner decides about a function, as plain data and on the wire. */
import { given } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { predictions } from "./types.ts";
import type { Prediction } from "./types.ts";

/** What an owner decides; what is absent gets the server's default. */
export interface FunctionSettings {
  /** "nodejs20" */
  readonly runtime: string;
  /** "file.export", as in "index.handler" */
  readonly handler: string;
  readonly memoryMib?: number;
  readonly vcpuCount?: number;
  readonly timeoutMs?: number;
  /** Longest that loading and the code's own init may take. */
  readonly initTimeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Environment variables whose values are secrets: variable to the secret's name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** How long a VM stays warm after a call that nothing predicts the next of. */
  readonly keepAliveMs?: number;
  /** The code's init may be done once, and its memory copied for every VM. */
  readonly snapshotInit?: boolean;
  /** A new VM for every call. */
  readonly singleUse?: boolean;
  /** What its VMs may reach; absent: "none". */
  readonly network?: GuestNetwork;
  /** Absent: "inherit", as the tenant has it. */
  readonly prediction?: Prediction;
  /** Idle VM-seconds that one cold start is worth; 0 or absent: as the tenant has it. */
  readonly coldStartCost?: number;
  /** Calls of all versions that may run at once; 0 stops the function; absent: only the tenant's limit. */
  readonly reservedConcurrency?: number | undefined;
  /** VMs that wait with the code loaded, whatever is forecast. */
  readonly provisioned?: readonly ProvisionedConcurrency[];
  /** Absent: only the tenant's. */
  readonly rateLimit?: RateLimit | undefined;
  readonly async?: AsyncSettings | undefined;
  /** Absent: no HTTP address. */
  readonly url?: FunctionUrl | undefined;
}

/** "internet": public addresses, outwards, on hosts whose operator allows it. */
export const guestNetworks = ["none", "internet"] as const;
export type GuestNetwork = (typeof guestNetworks)[number];

export interface ProvisionedConcurrency {
  readonly count: number;
  /** When it begins, a cron expression; absent: always. */
  readonly fromCron?: string;
  /** How long each time. */
  readonly durationMs?: number;
  /** IANA name; default UTC. */
  readonly timeZone?: string;
}

export interface RateLimit {
  readonly callsPerSecond: number;
  /** Calls that may come at once after a pause; absent: one second's. */
  readonly burst?: number;
}

/** Of accepted calls. */
export interface AsyncSettings {
  /** Tries after the first; absent: 2. */
  readonly retries?: number;
  /** A call older than that is not begun any more; absent: 6 hours. */
  readonly ageMaxMs?: number;
  readonly onSuccess?: Destination;
  readonly onFailure?: Destination;
}

/** A function that is called, or a NATS subject that is published to, with a CloudEvent. */
export type Destination = { readonly function: string } | { readonly subject: string };

export interface FunctionUrl {
  /** All when absent. */
  readonly methods?: readonly string[];
  /** "*" for all; none when absent. */
  readonly corsOrigins?: readonly string[];
  /** A version or an alias; absent: the active version. */
  readonly qualifier?: string;
}

/** Those that mean something by their absence stay optional; the others have their defaults. */
type Optional = "reservedConcurrency" | "rateLimit" | "async" | "url";
export type CompleteSettings = Required<Omit<FunctionSettings, Optional>> &
  Pick<FunctionSettings, Optional>;

const wireNetwork = tidepool.v1.GuestNetwork;

type Wire = tidepool.v1.FunctionSettings.$Properties;

export function settingsToWire({
  prediction = "inherit",
  provisioned = [],
  reservedConcurrency,
  rateLimit,
  async,
  url,
  network = "none",
  ...rest
}: FunctionSettings): Wire {
  return {
    ...rest,
    ...(network === "none" ? {} : { network: wireNetwork.GUEST_NETWORK_INTERNET }),
    prediction: predictionWires[prediction],
    provisioned: provisioned.map((each) => ({ ...each })),
    ...given({ reservedConcurrency, rateLimit, async }),
    ...(url === undefined
      ? {}
      : {
          url: {
            ...url,
            methods: [...(url.methods ?? [])],
            corsOrigins: [...(url.corsOrigins ?? [])],
          },
        }),
  };
}

export function parseSettings(wire: Wire | null | undefined): CompleteSettings {
  const { reservedConcurrency, rateLimit, async, url } = wire ?? {};
  return {
    runtime: wire?.runtime ?? "",
    handler: wire?.handler ?? "",
    memoryMib: wire?.memoryMib ?? 0,
    vcpuCount: wire?.vcpuCount ?? 0,
    timeoutMs: wire?.timeoutMs ?? 0,
    initTimeoutMs: wire?.initTimeoutMs ?? 0,
    environment: { ...wire?.environment },
    secrets: { ...wire?.secrets },
    description: wire?.description ?? "",
    tags: { ...wire?.tags },
    keepAliveMs: wire?.keepAliveMs ?? 0,
    snapshotInit: wire?.snapshotInit ?? false,
    singleUse: wire?.singleUse ?? false,
    network: wire?.network === wireNetwork.GUEST_NETWORK_INTERNET ? "internet" : "none",
    prediction: parsePrediction(wire?.prediction),
    coldStartCost: wire?.coldStartCost ?? 0,
    provisioned: (wire?.provisioned ?? []).map(parseProvisioned),
    ...(typeof reservedConcurrency === "number" ? { reservedConcurrency } : {}),
    ...(rateLimit ? { rateLimit: parseRateLimit(rateLimit) } : {}),
    ...(async ? { async: parseAsync(async) } : {}),
    ...(url ? { url: parseUrl(url) } : {}),
  };
}

function parseProvisioned(
  wire: tidepool.v1.ProvisionedConcurrency.$Properties,
): ProvisionedConcurrency {
  return {
    count: wire.count ?? 0,
    ...(wire.fromCron ? { fromCron: wire.fromCron } : {}),
    ...(wire.durationMs ? { durationMs: wire.durationMs } : {}),
    ...(wire.timeZone ? { timeZone: wire.timeZone } : {}),
  };
}

export function parseRateLimit(wire: tidepool.v1.RateLimit.$Properties): RateLimit {
  return {
    callsPerSecond: wire.callsPerSecond ?? 0,
    ...(wire.burst ? { burst: wire.burst } : {}),
  };
}

function parseAsync(wire: tidepool.v1.AsyncSettings.$Properties): AsyncSettings {
  const onSuccess = parseDestination(wire.onSuccess);
  const onFailure = parseDestination(wire.onFailure);
  return {
    ...(typeof wire.retries === "number" ? { retries: wire.retries } : {}),
    ...(wire.ageMaxMs ? { ageMaxMs: wire.ageMaxMs } : {}),
    ...given({ onSuccess, onFailure }),
  };
}

function parseDestination(
  wire: tidepool.v1.Destination.$Properties | null | undefined,
): Destination | undefined {
  if (wire?.function) return { function: wire.function };
  return wire?.subject ? { subject: wire.subject } : undefined;
}

function parseUrl(wire: tidepool.v1.FunctionUrl.$Properties): FunctionUrl {
  return {
    ...(wire.methods?.length ? { methods: [...wire.methods] } : {}),
    ...(wire.corsOrigins?.length ? { corsOrigins: [...wire.corsOrigins] } : {}),
    ...(wire.qualifier ? { qualifier: wire.qualifier } : {}),
  };
}

export const predictionWires = {
  inherit: tidepool.v1.Prediction.PREDICTION_UNSPECIFIED,
  on: tidepool.v1.Prediction.PREDICTION_ON,
  shadow: tidepool.v1.Prediction.PREDICTION_SHADOW,
  off: tidepool.v1.Prediction.PREDICTION_OFF,
} as const satisfies Record<Prediction, tidepool.v1.Prediction>;

export function parsePrediction(wire: tidepool.v1.Prediction | null | undefined): Prediction {
  return predictions.find((prediction) => predictionWires[prediction] === wire) ?? "inherit";
}
