export { HostAgent } from "./host-agent.ts";
export type { HostAgentOptions } from "./host-agent.ts";
export { baseConfig, readConfig } from "./config.ts";
export type { HostAgentConfig } from "./config.ts";
export { openGuestSession } from "./guest/open-session.ts";
export type { GuestSession, OpenGuestSession, SessionOptions } from "./guest/session.ts";
export type {
  Accelerator,
  Domain,
  Hypervisor,
  Template,
  VmConfig,
} from "./hypervisor/hypervisor.ts";
export { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
export type { SimulatedHypervisorOptions } from "./simulated/simulated-hypervisor.ts";
export { vmPhases } from "./vm/phases.ts";
export type { GoneReason, VmPhase } from "./vm/phases.ts";
