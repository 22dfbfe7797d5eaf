/**
 * Hosts by the configs that their warm pools have VMs of, so that two of them are drawn without looking at all:
 * with a thousand hosts, looking at each would take longer than all else about an order.
 */
import type { HostView } from "../placement/index.ts";

export class ReadyPools {
  /** By config key; in no order. */
  private readonly hosts = new Map<string, HostView[]>();
  /** By config key and host id: where it is in that list. */
  private readonly places = new Map<string, Map<string, number>>();

  /** The host's counts or its state have changed. @param former config keys that it had a pool of before */
  changed(host: HostView, former: Iterable<string> = []): void {
    for (const configKey of former) this.note(host, configKey);
    for (const configKey in host.poolByConfig) this.note(host, configKey);
  }

  /** The host's count of one config has changed. */
  note(host: HostView, configKey: string): void {
    const isIn = host.state === "ready" && (host.poolByConfig[configKey] ?? 0) > 0;
    if (isIn) this.add(host, configKey);
    else this.remove(host.hostId, configKey);
  }

  /** Two that differ, drawn at random; fewer where there are not so many. */
  drawTwo(configKey: string, random: () => number): readonly HostView[] {
    const all = this.hosts.get(configKey) ?? [];
    if (all.length <= 2) return all;
    const first = Math.floor(random() * all.length);
    const step = 1 + Math.floor(random() * (all.length - 1));
    return [all[first], all[(first + step) % all.length]].filter((host) => host !== undefined);
  }

  private add(host: HostView, configKey: string): void {
    let hosts = this.hosts.get(configKey);
    let places = this.places.get(configKey);
    if (hosts === undefined || places === undefined) {
      this.hosts.set(configKey, (hosts = []));
      this.places.set(configKey, (places = new Map()));
    }
    if (places.has(host.hostId)) return;
    places.set(host.hostId, hosts.length);
    hosts.push(host);
  }

  /** The last one takes its place. */
  private remove(hostId: string, configKey: string): void {
    const hosts = this.hosts.get(configKey);
    const places = this.places.get(configKey);
    const place = places?.get(hostId);
    if (hosts === undefined || places === undefined || place === undefined) return;
    const last = hosts.pop();
    places.delete(hostId);
    if (last === undefined || last.hostId === hostId) return;
    hosts[place] = last;
    places.set(last.hostId, place);
  }
}
