/** A running system as a replay needs it, over the client. */
import { TidepoolError } from "@tidepool/common";
import type { PoolsSnapshot, TidepoolClient } from "@tidepool/sdk";
import { readCode } from "../code/archive.ts";
import type { CodeArchive } from "../code/archive.ts";
import type { CallAnswer, PoolLevel, ReplaySystem } from "./replay.ts";
import { startKinds } from "./summary.ts";

/** Marks functions that a replay made, and may therefore replace. */
export const replayMark = "made by tidepool replay";

export interface ClientSystemOptions {
  /** Folder of the function that stands for each row. */
  readonly codePath: string;
  readonly keepAliveMs: number;
  readonly signal: AbortSignal;
}

export function createClientSystem(
  client: TidepoolClient,
  options: ClientSystemOptions,
): ReplaySystem {
  const { codePath, keepAliveMs, signal } = options;
  let archive: Promise<CodeArchive> | undefined;
  return {
    async deploy(name, rowId) {
      archive ??= readCode(codePath);
      await removeEarlier(client, name, signal);
      const settings = {
        runtime: "nodejs20",
        handler: "index.handler",
        keepAliveMs,
        description: `${replayMark}: row ${rowId}`,
      };
      await client.createFunction(name, settings, { signal });
      await client.uploadCode(name, (await archive).zip, { signal });
    },
    async call(name, { rowId, ordinal }): Promise<CallAnswer> {
      const result = await client.invoke(name, { row: rowId, call: ordinal }, { signal });
      const start = startKinds.find((kind) => kind === result.start);
      if (start === undefined)
        throw new TidepoolError("internal", `the answer does not say how the call started`);
      const { readyBeforeMs, stages, window } = result;
      const answer = { start, readyBeforeMs, runMs: stages.runMs };
      return window === undefined ? answer : { ...answer, window };
    },
    async watchPools(receive, watchSignal) {
      for await (const snapshot of client.watchPools(watchSignal)) receive(levelOf(snapshot));
    },
  };
}

/** A replay starts with functions that nobody has called: an earlier replay's history would be learned from. */
async function removeEarlier(
  client: TidepoolClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { settings } = await client.getFunction(name, { signal });
    if (!settings.description.startsWith(replayMark))
      throw new TidepoolError("alreadyExists", `function ${name} exists, and no replay made it`, {
        details: { hint: `delete it with: tidepool delete ${name}` },
      });
    await client.deleteFunction(name, { signal });
  } catch (error) {
    if (!(error instanceof TidepoolError && error.code === "notFound")) throw error;
  }
}

function levelOf({ pools }: PoolsSnapshot): PoolLevel {
  const sum = (of: (pool: PoolsSnapshot["pools"][number]) => number): number =>
    pools.reduce((total, pool) => total + of(pool), 0);
  return {
    target: sum(({ target }) => target),
    baseTarget: sum(({ baseTarget }) => baseTarget),
    generic: sum(({ ready }) => ready),
    idle: sum(({ idle }) => idle),
    busy: sum(({ busy }) => busy),
    total: sum(({ total }) => total),
    periodicFunctions: sum(({ periodicFunctions }) => periodicFunctions),
  };
}
