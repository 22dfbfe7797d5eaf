import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { tidepool } from "@tidepool/proto";
import type { Domain } from "../hypervisor/hypervisor.ts";
import { FrameChannel } from "./frame-channel.ts";
import { openGuestSession } from "./open-session.ts";

const { HostControl, HostRuntime, GuestControl, GuestRuntime } = tidepool.guest.v1;
const template = { config: { runtime: "nodejs20", memoryMib: 128 }, id: "template-1" };
const entropyMinBytes = 64;

/** A guest that greets back and keeps what it was greeted with. */
function greetingGuest(): { domain: Domain; entropy: string[] } {
  const [control, guestControl] = duplexPair();
  const [runtime, guestRuntime] = duplexPair();
  const entropy: string[] = [];
  const keep = (bytes: Uint8Array | null | undefined): void => {
    assert.ok((bytes?.length ?? 0) >= entropyMinBytes);
    entropy.push(Buffer.from(bytes ?? []).toString("hex"));
  };
  answer(guestControl, (frame) => {
    const { restore } = HostControl.decode(frame);
    keep(restore?.entropy);
    return GuestControl.encode({ restored: { templateId: template.id } }).finish();
  });
  answer(guestRuntime, (frame) => {
    const { ping } = HostRuntime.decode(frame);
    keep(ping?.entropy);
    return GuestRuntime.encode({ pong: { id: ping?.id ?? 0 } }).finish();
  });
  const nothing = (): Promise<void> => Promise.resolve();
  const exited = new Promise<never>(() => undefined);
  const life = { exited, pause: nothing, resume: nothing, destroy: nothing };
  return { domain: { vmId: "vm-1", control, runtime, ...life }, entropy };
}

function answer(stream: Duplex, reply: (frame: Uint8Array) => Uint8Array): void {
  const onFrame = (frame: Uint8Array): void => {
    channel.send(reply(frame));
  };
  const channel = new FrameChannel(stream, { onFrame, onEnd: () => undefined });
}

describe("openGuestSession", () => {
  it("greets every clone with randomness of its own, kernel and runtime apart", async () => {
    const sent: string[] = [];
    for (let count = 0; count < 3; count++) {
      const { domain, entropy } = greetingGuest();
      await openGuestSession(domain).handshake(template);
      sent.push(...entropy);
    }
    assert.equal(sent.length, 6);
    assert.equal(new Set(sent).size, 6);
  });
});
