import assert from "node:assert/strict";
import { AnswerCollector } from "./answer-collector.ts";

describe("AnswerCollector", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const expecting = (requestId: string, maxBytes = 10): AnswerCollector => {
    const collector = new AnswerCollector(maxBytes);
    collector.expect(requestId);
    return collector;
  };

  it("puts an answer together from its parts", () => {
    const collector = expecting("r");
    const head = { requestId: "r", payloadBytes: 5, payload: bytes("ab"), runUs: 7 };
    assert.equal(collector.begin(head), undefined);
    assert.equal(collector.add({ content: bytes("cd") }), undefined);
    const result = collector.add({ content: bytes("e") });
    assert.equal(Buffer.from(result?.payload ?? []).toString(), "abcde");
    assert.equal(result?.runUs, 7);
  });

  it("refuses an answer over the limit by what it announces", () => {
    assert.throws(() => expecting("r").begin({ requestId: "r", payloadBytes: 11 }), {
      code: "outputLimit",
      message: "the function's result has 11 bytes, limit is 10",
    });
  });

  it("refuses more than was announced", () => {
    const collector = expecting("r");
    collector.begin({ requestId: "r", payloadBytes: 3, payload: bytes("ab") });
    assert.throws(() => collector.add({ content: bytes("cd") }), /longer than announced/);
  });

  it("refuses an answer to another request, to none, and twice to one", () => {
    const answer = { requestId: "r", payloadBytes: 1, payload: bytes("1") };
    assert.throws(() => expecting("other").begin(answer), /does not run/);
    assert.throws(() => new AnswerCollector(10).begin(answer), /does not run/);
    const collector = expecting("r");
    collector.begin(answer);
    assert.throws(() => collector.begin(answer), /does not run/);
    assert.throws(() => collector.add({ content: bytes("2") }), /complete/);
  });
});
