/**
 * Tests that run real servers in real time may fail because the machine did something else for a while. Their files
 * run once more, whole and in a process of their own, so that nothing of the first try is left. A fault fails
 * both tries; and a test that needed the second is named, so that none hides there. Pure.
 */
import type { ReportedTest, TestReport } from "./report.ts";

/** A run in which more files failed has found something. */
export const secondTryFilesMax = 4;

const realTime = /\.(nats|netns|vm|libvirt)\.test\.ts$/;

/** Files to run once more; empty when nothing failed, or something that a second try cannot mend. */
export function filesToTryAgain({ failed }: TestReport): readonly string[] {
  const files = [...new Set(failed.map(({ file }) => file))];
  const mayPass = files.length <= secondTryFilesMax && files.every((file) => realTime.test(file));
  return mayPass ? files : [];
}

export interface Verdict {
  readonly passedCount: number;
  readonly failed: readonly ReportedTest[];
  /** Passed at one of two tries. */
  readonly unsteady: readonly ReportedTest[];
}

/** @param second of the files that failed at the first try; undefined when there was none */
export function judge(first: TestReport, second: TestReport | undefined): Verdict {
  if (second === undefined)
    return { passedCount: first.passed.length, failed: first.failed, unsteady: [] };
  const [passedFirst, passedSecond, failedFirst, failedSecond] = [
    first.passed,
    second.passed,
    first.failed,
    second.failed,
  ].map((tests) => new Set(tests.map(keyOf)));
  const hasPassed = (test: ReportedTest): boolean => {
    const key = keyOf(test);
    if (test.isHook) return failedSecond?.has(key) === false;
    return passedFirst?.has(key) === true || passedSecond?.has(key) === true;
  };
  const onlySecond = second.failed.filter((test) => failedFirst?.has(keyOf(test)) === false);
  const failedOnce = [...first.failed, ...onlySecond];
  const made = second.passed.filter((test) => passedFirst?.has(keyOf(test)) === false);
  return {
    passedCount: first.passed.length + made.length,
    failed: failedOnce.filter((test) => !hasPassed(test)),
    unsteady: failedOnce.filter(hasPassed),
  };
}

function keyOf({ file, title }: ReportedTest): string {
  return `${file}: ${title}`;
}
