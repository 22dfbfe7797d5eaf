/** The methods of the public API that are about functions, their versions and their aliases. */
import type { tidepool } from "@tidepool/proto";
import { aliasToWire } from "../functions/aliases.ts";
import { functionToWire } from "../functions/function-record.ts";
import type { Functions } from "../functions/functions.ts";
import { versionOfFunction } from "../functions/version-record.ts";
import type { Versions } from "../functions/versions.ts";
import { Uploads } from "../functions/uploads.ts";
import { inTime } from "./in-time.ts";
import type { Schedules } from "../triggers/schedules.ts";
import type { Subscriptions } from "../triggers/subscriptions.ts";
import type { Handlers } from "./handlers.ts";
import { readUpload } from "./upload.ts";

type Wire = tidepool.v1.Function.$Properties;

export interface FunctionApiOptions {
  readonly functions: Functions;
  readonly versions: Versions;
  readonly schedules: Schedules;
  readonly subscriptions: Subscriptions;
}

export function functionApi(
  handlers: Handlers,
  { functions, versions, schedules, subscriptions }: FunctionApiOptions,
) {
  const uploads = new Uploads();
  return {
    createFunction: handlers.unary(
      "CreateFunction",
      async ({ name, settings }: tidepool.v1.CreateFunctionRequest.$Properties): Promise<Wire> =>
        functionToWire(await functions.create(name, settings)),
    ),
    checkSettings: handlers.unary(
      "CheckSettings",
      async ({ name, settings }: tidepool.v1.CheckSettingsRequest.$Properties) => ({
        ...(await functions.check(name, settings)),
      }),
    ),
    updateFunction: handlers.unary(
      "UpdateFunction",
      async (request: tidepool.v1.UpdateFunctionRequest.$Properties): Promise<Wire> => {
        const { name, settings, revision } = request;
        return functionToWire(await functions.update(name, settings, revision));
      },
    ),
    getFunction: handlers.unary(
      "GetFunction",
      async ({ name }: tidepool.v1.GetFunctionRequest.$Properties): Promise<Wire> =>
        functionToWire(await functions.get(name)),
    ),
    listFunctions: handlers.unary("ListFunctions", () =>
      Promise.resolve({ functions: functions.list().map(functionToWire) }),
    ),
    deleteFunction: handlers.unary(
      "DeleteFunction",
      async ({ name }: tidepool.v1.DeleteFunctionRequest.$Properties) => {
        // Before the function: a delete that breaks off is repeated, and finds what is left.
        const known = (await functions.get(name)).name;
        const gone = {
          schedules: await schedules.removeOf(known),
          subscriptions: await subscriptions.removeOf(known),
        };
        await functions.remove(known);
        return gone;
      },
    ),
    uploadCode: handlers.clientStream(
      "UploadCode",
      async (
        requests: AsyncIterable<tidepool.v1.UploadCodeRequest.$Properties>,
        { caller },
      ): Promise<Wire> => {
        const leave = uploads.enter(caller.tenant);
        try {
          const { wish, zip } = await readUpload(inTime(requests), (asked) => functions.get(asked));
          return functionToWire(await functions.upload(wish, zip));
        } finally {
          leave();
        }
      },
    ),
    listVersions: handlers.unary(
      "ListVersions",
      async ({ name }: tidepool.v1.ListVersionsRequest.$Properties) => {
        const { stored, versions: all } = await versions.list(name);
        return { versions: all.map((version) => versionOfFunction(stored, version)) };
      },
    ),
    activateVersion: handlers.unary(
      "ActivateVersion",
      async (request: tidepool.v1.ActivateVersionRequest.$Properties): Promise<Wire> => {
        const { name, version, revision } = request;
        return functionToWire(await versions.activate(name, version ?? "", revision ?? ""));
      },
    ),
    putAlias: handlers.unary(
      "PutAlias",
      async ({ functionName, alias }: tidepool.v1.PutAliasRequest.$Properties) =>
        aliasToWire(await versions.putAlias(functionName, alias)),
    ),
    listAliases: handlers.unary(
      "ListAliases",
      async ({ functionName }: tidepool.v1.ListAliasesRequest.$Properties) => ({
        aliases: (await versions.aliases(functionName)).map(aliasToWire),
      }),
    ),
    deleteAlias: handlers.unary(
      "DeleteAlias",
      async ({ functionName, name }: tidepool.v1.DeleteAliasRequest.$Properties) => {
        await versions.deleteAlias(functionName, name ?? "");
        return {};
      },
    ),
  };
}
