/** `tidepool url`: where a function answers HTTP; turns that on and off. */
import { TidepoolError, given } from "@tidepool/common";
import type { FunctionUrl } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { functionUrl, httpAddressBeside } from "../http-address.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";

export interface UrlOptions extends ClientOptions {
  readonly on?: boolean;
  readonly off?: boolean;
  readonly method?: readonly string[];
  readonly corsOrigin?: readonly string[];
  readonly qualifier?: string;
  readonly httpAddress?: string;
}

export async function url(
  name: string,
  options: UrlOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { on = false, off = false, json } = options;
  const { httpAddress = httpAddressBeside(options.address) } = options;
  const asked = urlOf(options);
  if (!on && Object.keys(asked).length > 0) throw usageError("say --on with what the URL is to be");
  const described = await withClient(options, async (client) => {
    const known = await client.getFunction(name);
    const { settings, revision } = known;
    if (!on && !off) return known;
    const { url: _, ...others } = settings;
    const changed = on ? { ...others, url: asked } : others;
    return client.updateFunction(name, changed, { revision });
  });
  const set = described.settings.url;
  const address = set === undefined ? undefined : functionUrl(described, httpAddress);
  if (json === true) {
    const told = { function: name, url: address ?? null, ...(set ? { settings: set } : {}) };
    return terminal.out(`${JSON.stringify(told)}\n`);
  }
  if (address !== undefined) return terminal.out(`${address}\n`);
  if (off) return terminal.say(`${name} answers HTTP no more`);
  throw new TidepoolError("notFound", `function '${name}' has no URL`, {
    details: { hint: `turn it on with: tidepool url ${name} --on` },
  });
}

function urlOf({ method, corsOrigin, qualifier }: UrlOptions): FunctionUrl {
  return {
    ...(method === undefined ? {} : { methods: method.map((one) => one.toUpperCase()) }),
    ...given({ corsOrigins: corsOrigin, qualifier }),
  };
}
