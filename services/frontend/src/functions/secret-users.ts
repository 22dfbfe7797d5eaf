/** Which functions name which secrets, in what they are now or in a version that is kept. Pure. */
import type { Settings } from "./settings.ts";

interface Naming {
  readonly name: string;
  readonly settings: Pick<Settings, "secrets">;
}

/** Names of functions by secret, each once, in order. */
export function secretUsers(
  functions: readonly Naming[],
  versionsOf: (name: string) => readonly Naming[],
): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, Set<string>>();
  for (const { name, settings } of functions) {
    for (const each of [settings, ...versionsOf(name).map((version) => version.settings)]) {
      for (const secret of Object.values(each.secrets)) {
        users.set(secret, (users.get(secret) ?? new Set()).add(name));
      }
    }
  }
  return new Map([...users].map(([secret, names]) => [secret, [...names].sort()]));
}
