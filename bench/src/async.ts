/** 10 000 accepted calls while their frontend is killed twice: none lost, none run twice at once. VMs are simulated. */
import { asyncChaos } from "@tidepool/test/async-chaos";
import type { Report } from "./report.ts";

const callCount = 10_000;
const killCount = 2;

export async function benchAsync(): Promise<Report> {
  const say = (line: string): void => void process.stdout.write(`  ${line}\n`);
  const result = await asyncChaos({ callCount, killCount, say });
  const none = { atMost: 0 };
  return {
    title: `${callCount} accepted calls while their frontend is killed ${killCount} times`,
    accelerator: "simulated",
    rows: [],
    claims: [
      {
        what: "calls lost, or without their result",
        value: result.lostCount,
        unit: "calls",
        bound: none,
      },
      {
        what: "calls that ran twice at once",
        value: result.overlapCount,
        unit: "calls",
        bound: none,
      },
      {
        what: "calls begun again after a kill, one after the other",
        value: result.repeatedCount,
        unit: "calls",
      },
      {
        what: "calls accepted again under their key, and known",
        value: result.duplicateCount,
        unit: "calls",
      },
      {
        what: "accepted and run, the kills and the restarts in it",
        value: callCount / (result.totalMs / 1_000),
        unit: "calls a second",
      },
    ],
  };
}
