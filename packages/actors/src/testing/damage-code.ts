/** Code in the Object Store whose bytes have changed under its name, as on a bad disk. */
import { Objm } from "@nats-io/obj";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { subjects } from "@tidepool/proto";
import type { Bus } from "../bus.ts";

/** @param digest 64 hex digits */
export async function damageCode({ connection }: Bus, digest: string): Promise<void> {
  const { codeBucket } = subjects;
  const info = await (await new Objm(connection).open(codeBucket)).info(digest);
  if (info === null) throw new Error(`no code ${digest}`);
  const chunks = `$O.${codeBucket}.C.${info.nuid}`;
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(`OBJ_${codeBucket}`, { filter: chunks });
  await jetstream(connection).publish(chunks, Buffer.alloc(info.size));
}
