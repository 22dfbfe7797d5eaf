/** What accepted calls need from outside; the adapters are in nats/. */
import type { AcceptedCall } from "./call.ts";

export interface StoredCall {
  readonly call: AcceptedCall;
  readonly revision: number;
}

/** Calls by request id. @throws TidepoolError `unavailable`, `noCapacity` */
export interface CallStore {
  find(requestId: string): Promise<StoredCall | undefined>;
  /** The revision; undefined when there is one of that id. */
  create(call: AcceptedCall): Promise<number | undefined>;
  /** The revision; undefined when it is no longer the one that was read. */
  replace(call: AcceptedCall, revision: number): Promise<number | undefined>;
  /** Only when it is still the one that was written. */
  remove(requestId: string, revision: number): Promise<void>;
}

export interface DedupeEntry {
  readonly requestId: string;
  readonly claimedAtMs: number;
  readonly revision: number;
}

/** Whose a key is. */
export interface DedupeStore {
  /** Undefined when it was free and is the request's now; else who has it. */
  claim(name: string, key: string, requestId: string): Promise<DedupeEntry | undefined>;
  /** False when somebody was faster. */
  takeOver(name: string, key: string, requestId: string, revision: number): Promise<boolean>;
}

/** Bytes that are too many to be kept with their call, in parts. */
export interface PartStore {
  put(requestId: string, key: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when they are gone. */
  get(requestId: string, key: string, byteCount: number): Promise<Uint8Array | undefined>;
  remove(requestId: string, key: string): Promise<void>;
}

export interface WorkToQueue {
  readonly requestId: string;
  readonly functionName: string;
  /** Empty when it lies in parts. */
  readonly payload: Uint8Array;
  readonly payloadBytes: number;
}

/** One delivery of a call's work. It comes again unless it is done, kept or put off in time. */
export interface Work extends WorkToQueue {
  done(): Promise<void>;
  /** It comes again after so long. */
  putOff(ms: number): void;
  /** It stays with this frontend for another while. */
  keep(): void;
}

export interface WorkQueue {
  /** Does nothing when the call is in the queue already. @throws TidepoolError `noCapacity` when it is full */
  add(work: WorkToQueue): Promise<void>;
  /** Of a call that has ended while it waited. */
  remove(call: Pick<WorkToQueue, "functionName" | "requestId">): Promise<void>;
  /** Calls `run` for each work that comes, attemptsPerShardMax at once of each shard. */
  start(run: (work: Work) => Promise<void>): void;
  /** Takes no more, and resolves when all that was taken has ended. */
  stop(): Promise<void>;
}

export interface DeadLetter {
  readonly call: AcceptedCall;
  readonly payload: Uint8Array;
}

export interface DeadLetterQuery {
  readonly tenant: string;
  /** Empty: of all functions of the tenant. */
  readonly functionName: string;
  /** Empty: all. */
  readonly requestIds: readonly string[];
}

export interface DeadLetterStore {
  /** Replaces one of the same call. */
  put(letter: DeadLetter): Promise<void>;
  /** Oldest first. */
  read(query: DeadLetterQuery): AsyncIterable<DeadLetter>;
  remove(call: Pick<AcceptedCall, "functionName" | "requestId">): Promise<void>;
}

/** Tells other frontends; one that does not hear it finds out by itself. */
export interface CancelNews {
  announce(requestId: string): void;
}

/** Publishes an event to a subject that an owner named. Resolves when the server has it. */
export interface EventPublisher {
  /** @param hops destinations that led to it, one after the other, this one included */
  publish(subject: string, id: string, event: Uint8Array, hops: number): Promise<void>;
}

/** Whether there is room for new calls. @throws TidepoolError `noCapacity`, `unavailable` */
export interface Room {
  require(): Promise<void>;
}
