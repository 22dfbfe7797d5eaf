/**
 * libvirt's wire numbers, all in one place.
 *
 * Sources, in libvirt's own tree: src/remote/remote_protocol.x (REMOTE_PROC_*), src/remote/qemu_protocol.x
 * (QEMU_PROC_*), src/rpc/virnetprotocol.x (packets), src/rpc/virkeepaliveprotocol.x, and its public headers
 * libvirt-domain.h and virterror.h (flags, events, errors). The numbers are append-only there: libvirt
 * promises that an old client works with every newer daemon. Each procedure is called on a real libvirtd by
 * libvirt-client.libvirt.test.ts.
 */

/** The oldest libvirt that these calls were tried with; libvirt counts major·10^6 + minor·10^3 + release. */
export const libvirtVersionMin = 9_000_000;

export const programs = {
  remote: { id: 0x20008086, version: 1 },
  qemu: { id: 0x20008087, version: 1 },
  keepalive: { id: 0x6b656570, version: 1 },
} as const;

export type ProgramName = keyof typeof programs;

export const remoteProcedures = {
  connectOpen: 1,
  connectClose: 2,
  connectGetVersion: 4,
  connectGetCapabilities: 7,
  domainCreateXml: 10,
  domainGetXmlDesc: 14,
  domainLookupByName: 23,
  domainResume: 28,
  domainSuspend: 34,
  connectSupportsFeature: 60,
  authList: 66,
  authPolkit: 70,
  connectGetLibVersion: 157,
  domainGetState: 212,
  domainDestroyFlags: 234,
  connectListAllDomains: 273,
  connectDomainEventCallbackRegisterAny: 316,
  /** Sent by the daemon, never called. */
  domainEventCallbackLifecycle: 318,
  connectGetDomainCapabilities: 342,
} as const;

export const qemuProcedures = { monitorCommand: 1 } as const;

export const keepaliveProcedures = { ping: 1, pong: 2 } as const;

export const packetTypes = { call: 0, reply: 1, message: 2 } as const;

export const packetStatuses = { ok: 0, error: 1 } as const;

export const authTypes = { none: 0, sasl: 1, polkit: 2 } as const;

/** VIR_DRV_FEATURE_PROGRAM_KEEPALIVE: asking for it makes the daemon ping us. */
export const keepaliveFeature = 10;

/** VIR_DOMAIN_START_PAUSED */
export const createFlags = { paused: 1 } as const;

/** VIR_DOMAIN_DESTROY_REMOVE_LOGS, so that a VM leaves no log file behind. */
export const destroyFlags = { removeLogs: 2 } as const;

/** VIR_CONNECT_LIST_DOMAINS_ACTIVE */
export const listFlags = { active: 1 } as const;

/** VIR_DOMAIN_EVENT_ID_LIFECYCLE */
export const lifecycleEventId = 0;

/** virDomainState, in its order. */
export const domainStates = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
] as const;

/** virDomainEventType, in its order. */
export const lifecycleEvents = [
  "defined",
  "undefined",
  "started",
  "suspended",
  "resumed",
  "stopped",
  "shutdown",
  "pmsuspended",
  "crashed",
] as const;

/** virDomainEventStoppedDetailType, in its order. */
export const stoppedDetails = [
  "shutdown",
  "destroyed",
  "crashed",
  "migrated",
  "saved",
  "failed",
  "from-snapshot",
] as const;

/** virErrorNumber: those that we tell apart. */
export const errorNumbers = {
  xmlError: 27,
  domainExists: 28,
  xmlDetail: 35,
  noDomain: 42,
  operationInvalid: 55,
  configUnsupported: 67,
  xmlInvalidSchema: 92,
} as const;
