/**
 * Every limit of the frontend, by name. An error that refuses something for one of these names the limit's
 * value; docs/errors.md lists the codes.
 */

/** Largest payload of a call, bytes of JSON. */
export const payloadMaxBytes = 6 * 1024 * 1024;
/** Largest answer of a call, bytes of JSON. */
export const answerMaxBytes = 6 * 1024 * 1024;
/**
 * Largest gRPC message taken from a caller, bytes: above payloadMaxBytes, so that our own error is the one
 * that a caller sees, yet no more than one call may make the frontend hold.
 */
export const grpcReceiveMaxBytes = 16 * 1024 * 1024;
/** Largest gRPC message sent to a caller, or taken from a host, bytes. */
export const grpcMessageMaxBytes = 64 * 1024 * 1024;

/** Largest zip of code, bytes. */
export const codeZipMaxBytes = 50 * 1024 * 1024;
/** Largest sum of the unpacked files of a zip, bytes. */
export const codeUnpackedMaxBytes = 250 * 1024 * 1024;
/** Most files and folders in a zip. */
export const codeEntriesMaxCount = 20_000;
/** Longest path in a zip, bytes. */
export const pathMaxBytes = 1024;
/** Longest name of a file or folder in a zip, bytes: what file systems take. */
export const pathPartMaxBytes = 255;
/** Uploads held in memory at once, and of them those of one tenant. */
export const uploadsAtOnceMax = 8;
export const uploadsOfTenantMax = 6;
/** Longest that an upload may take, and that its next part may. */
export const uploadMaxMs = 300_000;
export const uploadPartMaxMs = 15_000;

export const memoryMinMib = 64;
export const memoryMaxMib = 4096;
export const memoryDefaultMib = 128;
export const timeoutMaxMs = 900_000;
export const timeoutDefaultMs = 30_000;
export const keepAliveMaxMs = 86_400_000;
export const keepAliveDefaultMs = 600_000;
/** Most idle VM-seconds that one cold start may be said to be worth. */
export const coldStartCostMaxVmSeconds = 86_400;
/** Largest cap that a tenant may set on idle VM-seconds of pre-warmed VMs within an hour. */
export const prewarmCapMaxVmSeconds = 1_000_000_000;
/** Versions kept of a function, beside those that are active, were active before, or have an alias. */
export const versionsKeptMax = 100;
/** Numbers tried for a new version while others publish too. */
export const versionNumbersTriedMax = 32;
export const aliasesMax = 50;
/** Versions that one alias may name beside its own. */
export const aliasOthersMax = 10;
/**
 * While a version takes over, VMs of the one before serve until the first of its own is idle, but no longer
 * than this; well below the second within which a switch is promised.
 */
export const switchMaxMs = 800;
/** Names and values of a function's environment together, bytes. */
export const environmentMaxBytes = 4096;
export const vcpuMaxCount = 4;
export const initTimeoutDefaultMs = 10_000;
export const initTimeoutMaxMs = 120_000;
/** Secrets that one function may name. */
export const secretsPerFunctionMax = 32;
/** Largest value of a secret, bytes. */
export const secretMaxBytes = 4096;
export const tagsMaxCount = 50;
export const tagNameMaxLength = 128;
export const tagValueMaxLength = 256;
/** Most calls at once that a function may reserve, or a tenant be given. */
export const concurrencyMax = 100_000;
/** Calls of a tenant's functions at once, when it has set nothing. */
export const tenantConcurrencyDefault = 1_000;
/** What counts towards limits is told to the other frontends so soon after a change… */
export const countsEveryMs = 100;
/** …and so often while calls run. */
export const countsRepeatMs = 1_000;
export const rateMinPerSecond = 0.001;
export const rateMaxPerSecond = 100_000;
export const burstMaxCount = 100_000;
/** Windows of provisioned concurrency that one function may have. */
export const provisionedWindowsMax = 10;
export const provisionedMaxCount = 1_000;
export const provisionedMinMs = 1_000;
export const provisionedMaxMs = 31 * 86_400_000;
export const asyncRetriesMax = 10;
/** Oldest that an accepted call may become before it begins. */
export const asyncAgeMaxMs = 86_400_000;
export const corsOriginsMax = 20;
export const descriptionMaxBytes = 1024;
export const handlerMaxBytes = 256;

/** What a call may take beside its function's time limit, when its caller names no deadline. */
export const callOverheadMaxMs = 30_000;
/** How much earlier than its caller each one on the way gives up, so that the reason still arrives. */
export const answerMarginMs = 10;
/** Longest that an accepted call waits for a VM of its version to be done with another, before it has one made. */
export const acceptedPatienceMs = 1_000;
/** VMs acquired for one call, at most. */
export const acquireAttemptsMax = 4;
/** Longest that one acquire may take; its answer does not wait for the VM. */
export const acquireTimeoutMs = 5_000;
/** Meanwhile it is asked for again so often: who was asked may have died, and another have taken its place. */
export const acquireAgainMs = 1_000;
/** Longest that an acquire waits for another server of the cluster when the connection to one is lost. */
export const otherServerWaitMaxMs = 2_000;
/** What an acquire leaves of a call's time: no VM can serve it in less, and the reason still arrives. */
export const acquireMarginMs = 50;
/** Calls that may wait at once because every host is full. */
export const capacityWaitersMax = 1_000;
/** Each looks for room again after this, and twice as long with each further time… */
export const capacityLookFirstMs = 50;
/** …up to this. */
export const capacityLookMaxMs = 1_000;
/** All together ask for room no more often than this. */
export const capacityLooksPerSecondMax = 500;
/** Longest that a call waits for a shard to have an owner again: one that died is replaced within 5 s. */
export const ownerWaitMaxMs = 6_000;
/** Wait before the second acquire; doubles with each further one. */
export const acquireBackoffMs = 50;

/** Largest part of a payload in one message of a host's stream, bytes. */
export const chunkMaxBytes = 64 * 1024;
/** Largest part of an answer in one message to a caller, bytes: most clients take 4 MiB. */
export const answerPartMaxBytes = 1024 * 1024;
/** Longest that opening a connection to a host may take. */
export const hostConnectMaxMs = 2_000;

/** Longest an arrival waits for others to share its message. */
export const arrivalFlushMs = 50;
export const arrivalBatchMax = 500;
/** Arrivals kept while NATS is away; then the oldest are dropped, counted and logged. */
export const arrivalBufferMax = 50_000;

/** Longest that a host is waited for which is asked, over NATS, what came to it on a stream that broke. */
export const endStreamMaxMs = 2_000;
/** Hosts that one acquire says are to be avoided. */
export const avoidedHostsMax = 64;

/** A host that has not been heard of for this long is taken to be gone. */
export const hostSilenceMaxMs = 5_000;
/** Shortest time between two updates of one watcher of the pools. */
export const poolsUpdateMinMs = 250;

/** Calls under way that the record of another call names. */
export const underWayNamedMax = 4;
/** A failure's message in the record of a call, characters. */
export const failureRecordMaxLength = 512;
/** Longest that an explanation waits for the records of a call that was just made. */
export const recordWaitMaxMs = 1_000;
/** Hosts' facts of VMs are stored for so long. */
export const vmFactsKeptMs = 3_600_000;
/** Facts read for one explanation, at most, and for how long. */
export const factsReadMax = 20_000;
export const factsReadMaxMs = 2_000;
/** Steps of VMs told in one explanation. */
export const vmStepsMax = 20;

export const logLinesDefault = 100;
export const logLinesMax = 10_000;

/** Longest name or id that is looked for at all. */
export const nameMaxLength = 256;
/** Metadata of one call, names and values together, bytes. */
export const metadataMaxBytes = 16 * 1024;
/** Calls at once on one connection; clients let more wait, or open another. */
export const callsOfConnectionMax = 100;
/** Connections at once at the port for calls; further ones are closed. */
export const connectionsOfCallersMax = 10_000;
/** Watches of health, and streams of reflection, at one frontend: they need no token. */
export const openWithoutTokenMax = 1_000;
/** Questions that one stream of reflection may ask. */
export const reflectionQuestionsMax = 1_000;
/** Calls of all kinds under way at one frontend… */
export const callsAtOnceMax = 10_000;
/** …and beyond them those that only operators make: hosts, pools, tenants, tokens. */
export const adminCallsKept = 100;
/** Streams of logs, usage and pools that one tenant may have open at one frontend. */
export const openEndsOfTenantMax = 200;
/** Calls of one tenant at one frontend that run no function, but for operators'. */
export const requestRate = { callsPerSecond: 1_000, burst: 2_000 } as const;
/** Ten years. */
export const tokenLifetimeMaxMs = 10 * 365 * 24 * 3_600_000;

/** Longest that calls under way may take to finish when the frontend stops. */
export const drainMaxMs = 10_000;

/** Longest a store operation may take. */
export const storeTimeoutMs = 5_000;
/**
 * In a cluster of NATS servers, where one may be lost: longest that a caller waits until another leads in its place,
 * and within that, how long one attempt may take and what lies between two.
 */
export const storeWaitMaxMs = 12_000;
export const storeAttemptMs = 1_500;
export const storeAgainMs = 100;
/** With less time left no attempt is made after the first: it would end before JetStream can answer. */
export const storeAttemptMinMs = 400;
/** Of the caller's time left when it ends earlier, so that the reason still arrives. */
export const storeAnswerMarginMs = 250;
/** Attempts to write a record that others write too. */
export const writeAttemptsMax = 8;
/** Code that no function has any more is kept this long for hosts that are just loading it. */
export const unusedCodeKeepMs = 600_000;
