import assert from "node:assert/strict";
import type { CurvePoint } from "@tidepool/policy";
import type { PolicyCurve } from "./contest.ts";
import type { PolicyChoice } from "./task.ts";
import { whereBeaten } from "./where-beaten.ts";

const baseline = { cold: 100, waste: 1_000, loads: 100 };

function aCurve(choice: PolicyChoice, points: readonly (readonly [number, number])[]): PolicyCurve {
  const frontier = points.map(([waste, cold], knob): CurvePoint => {
    return { knob, waste: waste * baseline.waste, cold, loads: 1 };
  });
  const none = { coldShares: [], wasteShare: null, pool: null, loadsShare: null, points: [] };
  return { choice, name: choice, frontier, ...none };
}

function told(...rivals: PolicyCurve[]): string {
  const own = aCurve("learned", [
    [0.5, 60],
    [1, 10],
  ]);
  return whereBeaten({ baseline, policies: [own, ...rivals] }, [0.5, 1, 1.5]).join("\n");
}

describe("Where a rival is better", () => {
  it("is told over the whole curve, and where Tidepool has no setting", () => {
    const early = aCurve("fft", [[0.4, 90]]);
    const late = aCurve("fixed", [
      [1, 100],
      [1.2, 5],
    ]);
    assert.equal(
      told(early, late),
      "Rivals with fewer cold starts than Tidepool: fft at 0.40 to 0.48; fixed at 1.20 to 1.50. Tidepool's cheapest setting is at 0.50.",
    );
  });

  it("is nowhere when none is, what knows the future aside", () => {
    assert.match(
      told(aCurve("hybrid", [[0.6, 70]]), aCurve("clairvoyant", [[0.1, 0]])),
      /^No rival/,
    );
  });
});
