export { createProgram } from "./program.ts";
export { ensurePackages } from "./up/debian-packages.ts";
export { ensureImage, systemPackages, testPackages } from "./up/needs.ts";
export { openTerminal } from "./terminal/terminal.ts";
export type { Terminal } from "./terminal/terminal.ts";
export { authorizationBlock } from "./certs/nats-users.ts";
export { issueInto } from "./certs/cert-folder.ts";
export { Cluster } from "./cluster/cluster.ts";
export type { ClusterOptions } from "./cluster/cluster.ts";
