import assert from "node:assert/strict";
import { aTerminal } from "../testing/a-terminal.ts";
import { clockOf, createLiveView } from "./live-view.ts";

const call = { rowId: "job", functionName: "job", ordinal: 7, atMs: 90 * 60_000 };
const result = {
  functionName: "job",
  ordinal: 7,
  atMs: call.atMs,
  latencyMs: 21,
  durationMs: 3,
  readyBeforeMs: 500,
};

function aView(): { said: string[]; view: ReturnType<typeof createLiveView> } {
  const { terminal, said } = aTerminal();
  const view = createLiveView(terminal, { speed: 60, firstMinute: 480 });
  view.started(1, 1_000_000);
  said.length = 0;
  return { said, view };
}

describe("The live view of a replay", () => {
  it("shows a forecast beside what came, in the trace's time", () => {
    const { said, view } = aView();
    const dueMs = 1_000_000 + call.atMs / 60;
    const window = {
      startAtMs: dueMs - 250,
      endAtMs: dueMs + 250,
      expectedAtMs: dueMs,
      degree: 0.9,
    };
    const answer = { start: "predicted", readyBeforeMs: 500, runMs: 3, window } as const;
    view.called(call, { ...result, start: "predicted" }, answer);
    assert.equal(
      said[0],
      "d1 09:30:00 job          #7    predicted    21 ms · VM ready 30 s before · expected 09:30:00 (09:29:45–09:30:15), degree 0.90",
    );
  });

  it("shows a failure with its code", () => {
    const { said, view } = aView();
    const failure = { code: "unavailable", message: "no host" };
    view.called(call, { ...result, failure }, undefined);
    assert.match(said[0] ?? "", /#7 +failed unavailable: no host$/);
  });

  it("says when the warming target moves, and not when it stays", () => {
    const { said, view } = aView();
    const level = { baseTarget: 8, generic: 8, idle: 0, busy: 0, total: 8, periodicFunctions: 1 };
    for (const target of [8, 8, 6]) view.pools({ ...level, target });
    assert.deepEqual(
      said.map((line) => line.trim()),
      ["warming target 8 → 6 (functions learned: 1, VMs: 8)"],
    );
  });

  it("counts days of the trace from 1", () => {
    assert.equal(clockOf((26 * 60 + 5) * 60_000), "d2 02:05:00");
  });
});
