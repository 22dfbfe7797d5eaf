/** The one place where JetStream's errors become ours: a lost compare-and-set is `stale`. */
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { messageOf, TidepoolError } from "@tidepool/common";

/** @param what what was attempted, for the message: "lease of shard 3" */
export function fromJetStream(thrown: unknown, what: string): TidepoolError {
  if (thrown instanceof TidepoolError) return thrown;
  if (isLostRace(thrown)) {
    return new TidepoolError("stale", `${what} was changed by another`, { cause: thrown });
  }
  return new TidepoolError("unavailable", `${what}: ${messageOf(thrown)}`, { cause: thrown });
}

/** The server answers with the same code for "exists already" and "has changed since". */
function isLostRace(thrown: unknown): boolean {
  return (
    thrown instanceof JetStreamApiError && thrown.code === JetStreamApiCodes.StreamWrongLastSequence
  );
}
