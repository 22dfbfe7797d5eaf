/** Any method of the public API by its name, for tests of what all have in common. */
import assert from "node:assert/strict";
import { tidepoolService } from "@tidepool/proto";
import type { TestClient } from "./a-client.ts";

type Method = (typeof tidepoolService)[keyof typeof tidepoolService];

/** Whatever kind of method it is; resolves with the first answer. */
export async function ask(
  client: TestClient,
  operation: string,
  request: object,
): Promise<unknown> {
  const method = methodOf(operation);
  const wire = method as typeof tidepoolService.getFunction;
  if (method.requestStream) return client.upload(request as { name: string }, []);
  if (!method.responseStream) return client.call(wire, request);
  const stream = client.stream(wire, request);
  try {
    for await (const answer of stream as AsyncIterable<unknown>) return answer;
    return undefined;
  } finally {
    stream.cancel();
  }
}

function methodOf(operation: string): Method {
  const method = Object.values(tidepoolService).find(({ path }) => path.endsWith(`/${operation}`));
  assert.ok(method !== undefined, operation);
  return method;
}
