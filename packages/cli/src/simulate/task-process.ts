/** A process of its own for tasks: one at a time, each answered with its result, or with what is wrong. */
import { TidepoolError } from "@tidepool/common";
import { runTask } from "./task.ts";
import type { Task } from "./task.ts";

process.on("message", (task: Task) => {
  void runTask(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ failure: TidepoolError.from(error).message }),
  );
});
