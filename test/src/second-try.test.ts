import assert from "node:assert/strict";
import type { ReportedTest, TestReport } from "./report.ts";
import { filesToTryAgain, judge, secondTryFilesMax } from "./second-try.ts";

const file = "test/src/a.nats.test.ts";
const named = (title: string, more: Partial<ReportedTest> = {}): ReportedTest => ({
  file,
  title,
  isHook: false,
  ...more,
});
const report = (passed: readonly string[], failed: readonly ReportedTest[] = []): TestReport => ({
  passed: passed.map((title) => named(title)),
  failed,
  took: [],
});
const failing = (...files: string[]): TestReport =>
  report(
    [],
    files.map((of) => named("x", { file: of })),
  );

describe("A second try", () => {
  it("is for files of real time alone, and not for many", () => {
    assert.deepEqual(filesToTryAgain(report(["a"])), []);
    for (const kind of ["nats", "netns", "vm", "libvirt"]) {
      const of = `test/src/a.${kind}.test.ts`;
      assert.deepEqual(filesToTryAgain(failing(of, of)), [of]);
    }
    assert.deepEqual(filesToTryAgain(failing("packages/a/src/b.test.ts")), []);
    assert.deepEqual(filesToTryAgain(failing(file, "packages/a/src/b.test.ts")), []);
    const many = Array.from({ length: secondTryFilesMax + 1 }, (_, n) => `a-${n}.vm.test.ts`);
    assert.deepEqual(filesToTryAgain(failing(...many)), []);
    assert.equal(filesToTryAgain(failing(...many.slice(1))).length, secondTryFilesMax);
  });

  it("that was not made leaves things as they are", () => {
    const first = report(["a", "b"], [named("c")]);
    assert.deepEqual(judge(first, undefined), {
      passedCount: 2,
      failed: [named("c")],
      unsteady: [],
    });
  });

  it("counts a test once, and names who passed at one of two tries, be it the first", () => {
    const first = report(["a", "b"], [named("c")]);
    const second = report(["a", "c"], [named("b")]);
    assert.deepEqual(judge(first, second), {
      passedCount: 3,
      failed: [],
      unsteady: [named("c"), named("b")],
    });
  });

  it("fails who fails again, or does not run", () => {
    const first = report(["a"], [named("b"), named("c")]);
    const second = report(["a"], [named("b")]);
    const { passedCount, failed, unsteady } = judge(first, second);
    assert.deepEqual([passedCount, failed, unsteady], [1, [named("b"), named("c")], []]);
  });

  it("runs what a failed hook kept from running, and fails when the hook fails again", () => {
    const hook = named("before all", { isHook: true });
    const first = report([], [hook]);
    const well = judge(first, report(["a", "b"]));
    assert.deepEqual(well, { passedCount: 2, failed: [], unsteady: [hook] });
    assert.deepEqual(judge(first, report([], [hook])).failed, [hook]);
  });
});
