/**
 * Mocha's own report, and beside it a file of what passed and what failed, where the environment names one: with it
 * run.ts can tell tests of real time from others, and two runs of a test from two tests.
 */
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { Hook, reporters, Runner } from "mocha";
import type { MochaOptions, Runnable, Suite, Test } from "mocha";
import { repositoryRoot } from "./repository.ts";

export const reportFileVariable = "TIDEPOOL_TEST_REPORT";

export interface TestReport {
  readonly passed: readonly ReportedTest[];
  readonly failed: readonly ReportedTest[];
  readonly took: readonly FileTime[];
}

/** With what is done before and after its tests. */
export interface FileTime {
  /** Relative to the repository's root. */
  readonly file: string;
  readonly ms: number;
}

export interface ReportedTest {
  /** Relative to the repository's root. */
  readonly file: string;
  readonly title: string;
  /** Something before or after tests. */
  readonly isHook: boolean;
}

export default class Report extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const path = process.env[reportFileVariable];
    if (path === undefined) return;
    const passed: ReportedTest[] = [];
    const failed: ReportedTest[] = [];
    const took = new Map<string, number>();
    let startedAtMs = 0;
    runner.on(Runner.constants.EVENT_SUITE_BEGIN, (suite: Suite) => {
      if (suite.parent?.root === true) startedAtMs = performance.now();
    });
    runner.on(Runner.constants.EVENT_SUITE_END, (suite: Suite) => {
      if (suite.parent?.root !== true) return;
      const file = relative(repositoryRoot, suite.file ?? "");
      took.set(file, (took.get(file) ?? 0) + performance.now() - startedAtMs);
    });
    runner.on(Runner.constants.EVENT_TEST_PASS, (test: Test) => passed.push(reported(test)));
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test: Runnable) => failed.push(reported(test)));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const times = [...took].map(([file, ms]) => ({ file, ms }));
      const report: TestReport = { passed, failed, took: times };
      writeFileSync(path, JSON.stringify(report));
    });
  }
}

/** Of hooks too: they fail under their own name. */
function reported(test: Runnable): ReportedTest {
  let { file } = test;
  for (let { parent } = test; file === undefined && parent !== undefined; { parent } = parent)
    ({ file } = parent);
  const isHook = test instanceof Hook;
  return { file: relative(repositoryRoot, file ?? ""), title: test.fullTitle(), isHook };
}
