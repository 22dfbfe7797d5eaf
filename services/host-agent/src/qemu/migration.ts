/**
 * A guest's state, in and out of QEMU: all but its memory, which stays in its file. Both sides have to be told,
 * once a process.
 */
import { TidepoolError } from "@tidepool/common";
import { inherited } from "./machine.ts";
import type { QemuProcess } from "./qemu-process.ts";
import type { StateReceiver } from "./state-receiver.ts";

const memoryStaysInItsFile = {
  capabilities: [{ capability: "x-ignore-shared", state: true }],
};

/** For a process that waits for a state, which it has inherited; resolves when the guest goes on. */
export async function takeIn({ qmp }: QemuProcess): Promise<void> {
  const running = qmp.once("RESUME");
  await Promise.all([
    running,
    qmp.run("qmp_capabilities"),
    qmp.run("migrate-set-capabilities", memoryStaysInItsFile),
    qmp.run("migrate-incoming", { uri: `fd:${String(inherited.state)}` }),
  ]);
}

/** Of a guest that was booted. */
export async function writeOut(process: QemuProcess, receiver: StateReceiver): Promise<void> {
  await process.qmp.run("qmp_capabilities");
  await process.qmp.run("migrate-set-capabilities", memoryStaysInItsFile);
  await writeOutAgain(process, receiver);
}

/**
 * Of a guest that was taken in. The migration itself stops the guest: one stopped before would stay so in its
 * clones.
 */
export async function writeOutAgain({ qmp }: QemuProcess, receiver: StateReceiver): Promise<void> {
  await qmp.run("migrate", { uri: receiver.uri });
  await receiver.received;
  const { status } = (await qmp.run("query-migrate")) as { status?: string };
  if (status !== "completed") {
    throw new TidepoolError("unavailable", `qemu's saving of the guest ended as ${String(status)}`);
  }
}
