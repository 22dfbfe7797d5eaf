import assert from "node:assert/strict";
import { inTime } from "./in-time.ts";

async function* slowly(): AsyncGenerator<number> {
  yield 1;
  yield 2;
  await new Promise(() => {});
}

async function* broken(): AsyncGenerator<number> {
  yield 1;
  await Promise.reject(new Error("Premature close"));
}

const gather = async (parts: AsyncIterable<number>, partMaxMs: number, allMaxMs: number) => {
  const got: number[] = [];
  const failure: unknown = await (async () => {
    for await (const part of inTime(parts, { partMaxMs, allMaxMs })) got.push(part);
  })().catch((error: unknown) => error);
  return { got, failure };
};

describe("An upload's parts", () => {
  it("are waited for no longer than one may take, and all", async () => {
    const part = await gather(slowly(), 20, 10_000);
    assert.deepEqual(part.got, [1, 2]);
    assert.match(String(part.failure), /next part did not come in 20 ms/);
    const all = await gather(slowly(), 10_000, 20);
    assert.match(String(all.failure), /did not come whole in 20 ms/);
  });

  it("are let go of by who wants no more of them", async () => {
    let isLetGo = false;
    async function* watched(): AsyncGenerator<number> {
      try {
        yield* slowly();
      } finally {
        isLetGo = true;
      }
    }
    for await (const part of inTime(watched(), { partMaxMs: 10_000, allMaxMs: 10_000 })) {
      assert.equal(part, 1);
      break;
    }
    assert.ok(isLetGo);
  });

  it("that break off are the caller's doing, no fault of the frontend's", async () => {
    const { got, failure } = await gather(broken(), 1_000, 1_000);
    assert.deepEqual(got, [1]);
    assert.equal((failure as { code: string }).code, "cancelled");
  });
});
