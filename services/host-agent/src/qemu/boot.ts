/**
 * Waits until a cold-booted guest is what a clone should start as: init says which template it is, the
 * runtime has answered, has rehearsed a load and an invocation, and has answered often enough to have that
 * code compiled too.
 */
import type { Duplex } from "node:stream";
import { TidepoolError } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { FrameChannel } from "../guest/frame-channel.ts";

const { GuestControl, GuestRuntime, HostRuntime } = tidepool.guest.v1;

/** A cold boot with its rehearsal takes 8 s under TCG on an idle machine, and twice that on a busy one. */
export const bootMaxMs = 60_000;

const rehearsalRounds = 10;
const warmUpPings = 50;
/** Takes the runtime through its reseeding once; every clone is given its own. */
const warmUpEntropy = Buffer.alloc(32, 1);
const outputTailMaxCharacters = 2000;

/** Rejects with `unavailable` when the guest's runtime ends or a channel closes. No deadline of its own. */
export function waitForBoot(control: Duplex, runtime: Duplex, templateId: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasBooted = false;
    let pongs = 0;
    let output = "";
    const fail = (text: string): void => {
      const said = output.trim() === "" ? "" : `; it said: ${output.trim()}`;
      reject(new TidepoolError("unavailable", `${text}${said}`));
    };
    const settleWhenReady = (): void => {
      if (hasBooted && pongs >= warmUpPings) resolve();
    };
    const onEnd = (error: TidepoolError): void => {
      fail(error.message);
    };
    new FrameChannel(control, {
      onEnd,
      onFrame: (frame) => {
        const message = GuestControl.decode(frame);
        if (message.booted) {
          const id = message.booted.templateId ?? "";
          if (id !== templateId) fail(`the guest booted as template ${id}`);
          hasBooted = true;
          settleWhenReady();
        }
        if (message.output) {
          const text = Buffer.from(message.output.bytes ?? []).toString("utf8");
          output = (output + text).slice(-outputTailMaxCharacters);
        }
        if (message.runtimeExited) {
          fail(
            `the guest's runtime ended with code ${String(message.runtimeExited.exitCode ?? 0)}`,
          );
        }
      },
    });
    const ping = (): void => {
      pings.send(HostRuntime.encode({ ping: { id: pongs + 1, entropy: warmUpEntropy } }).finish());
    };
    const pings = new FrameChannel(runtime, {
      onEnd,
      onFrame: (frame) => {
        const message = GuestRuntime.decode(frame);
        if (message.pong) pongs += 1;
        if (message.pong && pongs === 1) {
          const rehearse = { rounds: rehearsalRounds, forClones: true };
          pings.send(HostRuntime.encode({ rehearse }).finish());
        } else if (pongs < warmUpPings) ping();
        settleWhenReady();
      },
    });
    ping();
  });
}
