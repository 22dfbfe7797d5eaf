/**
 * What guests may reach, as nftables rules. The same decision stands twice: where QEMU's sockets are, so that it
 * holds before a packet leaves their namespace, and where the host forwards, so that it holds after whatever other
 * rules of the host have made of the packet's destination. Pure.
 */

export interface GuestReach {
  /** Never, whatever is allowed: the host's networks, NATS, what the operator denies. Addresses and networks. */
  readonly denied: readonly string[];
  /** Beside the public ones. */
  readonly allowed: readonly string[];
  /** At port 53, also where they are private. */
  readonly resolvers: readonly string[];
}

/** Private, link-local, metadata, and all that is no host on the internet. */
export const privateNetworks: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // The metadata addresses of clouds are in here, but for one.
  "169.254.0.0/16",
  "168.63.129.16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];

/** What the kernel tells a socket of a refusal goes over loopback; nothing else does. */
const refusalsOf = (match: string): readonly string[] => [
  `  ${match} tcp flags & rst == rst accept`,
  `  ${match} icmp type destination-unreachable accept`,
];

export const namespaceTable = "tidepool";

/** A reset, of which a caller hears at once: of the other answer to its first packet TCP only takes note. */
const refused = (match: string): readonly string[] => [
  `  ${match} meta l4proto tcp reject with tcp reset`,
  `  ${match} reject with icmpx type admin-prohibited`,
];

/** For the namespace that QEMU's sockets are in. */
export function namespaceRules(reach: GuestReach, link: string): string {
  return tableOf(namespaceTable, [
    ...decision(reach),
    "chain output {",
    "  type filter hook output priority filter; policy drop;",
    ...refusalsOf('oifname "lo"'),
    // Loopback and this namespace's own address too: what listens there is another guest's.
    ...refused(`oifname != "${link}"`),
    "  goto decide",
    "}",
    "chain input {",
    "  type filter hook input priority filter; policy drop;",
    ...refusalsOf('iifname "lo"'),
    `  iifname "${link}" ct state established,related accept`,
    "}",
    "chain forward { type filter hook forward priority filter; policy drop; }",
  ]);
}

export interface HostLink {
  readonly table: string;
  /** The host's end of the way out of the namespace. */
  readonly link: string;
  /** Of the other end. */
  readonly guestsAddress: string;
}

/** For the host: nothing of its own, and onwards only what is decided. */
export function hostRules(reach: GuestReach, { table, link, guestsAddress }: HostLink): string {
  return tableOf(table, [
    ...decision(reach),
    "chain prerouting {",
    // Before other rules could send it elsewhere.
    "  type filter hook prerouting priority raw; policy accept;",
    `  iifname "${link}" meta nfproto ipv6 drop`,
    `  iifname "${link}" ip saddr != ${guestsAddress} drop`,
    ...refused(`iifname "${link}" fib daddr type != unicast`),
    "}",
    "chain input {",
    "  type filter hook input priority filter - 10; policy accept;",
    ...refused(`iifname "${link}"`),
    "}",
    "chain forward {",
    "  type filter hook forward priority filter - 10; policy accept;",
    `  iifname "${link}" goto decide`,
    `  oifname "${link}" ct state established,related accept`,
    `  oifname "${link}" drop`,
    "}",
    "chain postrouting {",
    "  type nat hook postrouting priority srcnat; policy accept;",
    `  ip saddr ${guestsAddress} oifname != "${link}" masquerade`,
    "}",
  ]);
}

function decision({ denied, allowed, resolvers }: GuestReach): readonly string[] {
  return [
    ...setOf("denied", denied),
    ...setOf("allowed", allowed),
    ...setOf("resolvers", resolvers),
    ...setOf("private", privateNetworks),
    "chain decide {",
    ...refused("meta nfproto != ipv4"),
    // The operator named them, wherever they are.
    "  ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept",
    ...refused("ip daddr @denied"),
    "  ip daddr @allowed meta l4proto { tcp, udp } accept",
    ...refused("ip daddr @private"),
    "  meta l4proto { tcp, udp } accept",
    ...refused(""),
    "}",
  ];
}

function setOf(name: string, elements: readonly string[]): readonly string[] {
  const listed = elements.length === 0 ? [] : [`  elements = { ${elements.join(", ")} }`];
  return [`set ${name} {`, "  type ipv4_addr; flags interval; auto-merge;", ...listed, "}"];
}

/** As a whole or not at all: a table of this name is replaced in one step. */
function tableOf(name: string, lines: readonly string[]): string {
  const table = `inet ${name}`;
  const body = lines.map((line) => `  ${line}`);
  return [`table ${table} {}`, `delete table ${table}`, `table ${table} {`, ...body, "}", ""].join(
    "\n",
  );
}
