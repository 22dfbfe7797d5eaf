import assert from "node:assert/strict";
import { createLogger, TidepoolError } from "@tidepool/common";
import { destroyVm } from "./destroy.ts";

describe("destroyVm", () => {
  const failing = (): Promise<void> =>
    Promise.reject(new TidepoolError("unavailable", "process 7 of vm vm-1 cannot be ended"));

  it("says what cannot be destroyed, and tries again until it is", async () => {
    const said: Record<string, unknown>[] = [];
    let triesLeft = 3;
    await new Promise<void>((resolve, reject) => {
      const logger = createLogger({
        service: "test",
        destination: {
          write: (line) => {
            said.push(JSON.parse(line) as Record<string, unknown>);
            if (line.includes("after all")) resolve();
          },
        },
      });
      const hypervisor = { destroy: () => ((triesLeft -= 1) > 0 ? failing() : Promise.resolve()) };
      const parts = { vmId: "vm-1", hypervisor, logger, retryMs: 1 };
      const first = assert.rejects(destroyVm(failing, parts), { code: "unavailable" });
      first.catch(reject);
    });
    assert.equal(triesLeft, 0);
    assert.deepEqual(
      said.map(({ msg }) => msg),
      ["VM not destroyed", "VM destroyed after all"],
    );
    assert.match(String(said[0]?.["error"]), /process 7 of vm vm-1 cannot be ended/);
  });
});
