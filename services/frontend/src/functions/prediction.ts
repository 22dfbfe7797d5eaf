/** What may be said of prediction, by functions and tenants alike. */
import { tidepool } from "@tidepool/proto";
import { coldStartCostMaxVmSeconds } from "../limits.ts";

export function predictionProblems(prediction: number, coldStartCost: number): string[] {
  const problems: string[] = [];
  if (!Object.values<unknown>(tidepool.v1.Prediction).includes(prediction)) {
    problems.push(`prediction ${prediction} is none of on, shadow and off`);
  }
  if (!(coldStartCost >= 0 && coldStartCost <= coldStartCostMaxVmSeconds)) {
    problems.push(
      `cold start cost of ${coldStartCost} VM-seconds must be 0 to ${coldStartCostMaxVmSeconds}`,
    );
  }
  return problems;
}
