/**
 * The door: a gRPC server that checks what comes, keeps functions, and brings calls to VMs. It holds no
 * state that another frontend could miss: any number of them serve side by side.
 */
import { Server } from "@grpc/grpc-js";
import { ensureStorage, UsageBook } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import {
  CertificateWatch,
  messageOf,
  serverCredentials,
  systemClock,
  TidepoolError,
} from "@tidepool/common";
import type { Clock, Keyring, Logger } from "@tidepool/common";
import {
  healthService,
  reflectionAlphaService,
  reflectionService,
  subjects,
  tidepoolService,
} from "@tidepool/proto";
import { openAdmission } from "./admission/open-admission.ts";
import type { FrontendConfig } from "./config.ts";
import { openAsync } from "./async/open-async.ts";
import type { OpenedAsync } from "./async/open-async.ts";
import { CallExplainer } from "./explain/call-explainer.ts";
import { Hosts } from "./fleet/hosts.ts";
import { HostsView } from "./fleet/hosts-view.ts";
import { openFunctions } from "./functions/open-functions.ts";
import { Handlers } from "./grpc/handlers.ts";
import { Health } from "./grpc/health.ts";
import { reflection } from "./grpc/reflection.ts";
import { limitConnections } from "./grpc/connection-limit.ts";
import { threshold } from "./grpc/threshold.ts";
import { tidepoolApi } from "./grpc/tidepool-api.ts";
import type { Door } from "./door/door.ts";
import { openDoor } from "./door/open-door.ts";
import { OpenRoom } from "./door/open-room.ts";
import { FunctionUrls } from "./http/function-urls.ts";
import { HostStreams } from "./hosts/host-streams.ts";
import {
  callsOfConnectionMax,
  connectionsOfCallersMax,
  drainMaxMs,
  grpcMessageMaxBytes,
  grpcReceiveMaxBytes,
} from "./limits.ts";
import { ArrivalPublisher } from "./nats/arrivals.ts";
import { NatsCallRecords, NatsOutcomes } from "./nats/call-records.ts";
import { NatsDrainStore } from "./nats/drain-store.ts";
import { endStream } from "./nats/end-stream.ts";
import { FleetNews } from "./nats/fleet-news.ts";
import type { FunctionListener } from "./nats/function-store.ts";
import { NatsScheduler } from "./nats/scheduler.ts";
import { NatsSecretStore } from "./nats/secret-store.ts";
import { PoolsView } from "./pools/pools-view.ts";
import { CallTracker } from "./routing/call-tracker.ts";
import { Router } from "./routing/router.ts";
import { VmTable } from "./routing/vm-table.ts";
import { openTriggers } from "./triggers/open-triggers.ts";
import { Secrets } from "./secrets/secrets.ts";

export interface FrontendOptions {
  readonly config: Pick<FrontendConfig, "address" | "shardCount"> &
    Partial<Pick<FrontendConfig, "httpAddress" | "nats" | "doorTls" | "auth">>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Seals secrets; without it none can be set. */
  readonly keyring?: Keyring;
  /** The operator's, which is stored nowhere. */
  readonly adminToken?: string;
  /** What was used is written so often. */
  readonly usagePeriodMs?: number;
}

const serviceNames = [
  "tidepool.v1.Tidepool",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

export class Frontend {
  private readonly options: FrontendOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly health: Health;
  private readonly stopping = new AbortController();
  private readonly server: Server;
  private readonly openRoom = new OpenRoom();
  private door: Door | undefined;
  /** In the order of their start. */
  private readonly parts: Stoppable[] = [];
  private accepted: OpenedAsync | undefined;
  private urls: FunctionUrls | undefined;

  constructor(options: FrontendOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger;
    this.health = new Health(options.logger, this.openRoom);
    const knock: Door["knock"] = (operation, metadata) => {
      // It is there before anything is listened to.
      if (this.door === undefined)
        throw new TidepoolError("unavailable", "the frontend is starting");
      return this.door.knock(operation, metadata);
    };
    this.server = new Server({
      "grpc.max_receive_message_length": grpcReceiveMaxBytes,
      "grpc.max_send_message_length": grpcMessageMaxBytes,
      "grpc.max_concurrent_streams": callsOfConnectionMax,
      interceptors: [threshold({ knock }, options.logger)],
    });
  }

  /** Resolves with host:port when calls are served; "off" where none over HTTP are. */
  async start(): Promise<{ readonly address: string; readonly httpAddress: string }> {
    const { bus, config } = this.options;
    const { httpAddress: asked = "off" } = config;
    const storage = await ensureStorage(bus);
    if (config.doorTls !== undefined) {
      const certificates = new CertificateWatch(config.doorTls, this.logger, this.clock);
      await certificates.start();
      this.parts.push(certificates);
    }
    const urls = await this.addServices(storage, asked);
    const httpAddress = asked === "off" ? "off" : await urls.start();
    const address = await this.listen(config.address);
    this.accepted?.start();
    this.health.set(true);
    return { address, httpAddress };
  }

  /** Refuses new calls and lets those under way finish within drainMaxMs. */
  async stop(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.health.stop();
    this.stopping.abort();
    await Promise.all([this.closeServer(), this.urls?.stop(), this.accepted?.stop()]);
    for (const part of this.parts.reverse()) await part.stop();
  }

  private async addServices(storage: Storage, httpAddress: string): Promise<FunctionUrls> {
    const { bus, config } = this.options;
    const { clock, logger, server } = this;
    const { shardCount } = config;
    const table = new VmTable();
    const admitting = await openAdmission({ bus, storage, clock, logger });
    const { admission, tenants } = admitting;
    this.parts.push(admitting);
    const opening = await openDoor({
      bus,
      storage,
      needsToken: config.auth === "on",
      adminToken: this.options.adminToken,
      ensureTenant: (tenant) => tenants.ensure(tenant),
      clock,
      logger,
    });
    const { door, tokens } = opening;
    this.door = door;
    this.parts.push(opening);
    const onChange: FunctionListener = (before, after) => admission.noteFunction(before, after);
    const secretStore = new NatsSecretStore(bus, storage.secrets, logger);
    await secretStore.start();
    this.parts.push(secretStore);
    const secrets: Secrets = new Secrets({
      store: secretStore,
      keyring: this.options.keyring,
      users: () => opened.secretUsers(),
      clock,
    });
    const opened = await openFunctions({
      bus,
      storage,
      table,
      clock,
      logger,
      onChange,
      requireSecrets: (names) => secrets.requireAll(names),
    });
    const { functions, versions } = opened;
    this.parts.push(opened);
    const arrivals = new ArrivalPublisher({ bus, client: storage.client, shardCount, logger });
    this.parts.push(arrivals);
    const hosts = new HostStreams({
      logger,
      tls: config.nats?.tls,
      isCutOff: () => !bus.isConnected,
      endStream: (hostId, streamId) => endStream(bus, hostId, streamId),
    });
    this.parts.push({ stop: () => Promise.resolve(hosts.closeAll()) });
    const pools = new PoolsView();
    const hostsView = new HostsView();
    const drains = new NatsDrainStore(bus, storage.hosts, logger);
    await drains.start();
    this.parts.push(drains);
    const news = new FleetNews({
      bus,
      table,
      pools,
      hostsView,
      clock,
      logger,
      forgetHost: (hostId) => hosts.forget(hostId),
    });
    news.start();
    this.parts.push(news);
    const scheduler = new NatsScheduler(bus, shardCount);
    const outcomes = new NatsOutcomes(bus, logger);
    this.parts.push(outcomes);
    const source = `frontend ${admitting.frontendId}`;
    const usage = new UsageBook({
      bus,
      storage,
      source,
      clock,
      logger,
      periodMs: this.options.usagePeriodMs,
    });
    this.parts.push(usage);
    const router = new Router({
      findFunction: (invocation, timeoutMs) => opened.find(invocation, timeoutMs),
      table,
      admission,
      hosts,
      scheduler,
      arrivals,
      calls: new CallTracker(outcomes, clock, usage),
      clock,
    });
    const accepted = await openAsync({
      bus,
      storage,
      find: (call, timeoutMs) => opened.find(call, timeoutMs),
      invoke: (invocation, signal) => router.invoke(invocation, undefined, signal),
      clock,
      logger,
    });
    this.accepted = accepted;
    const triggers = await openTriggers({
      bus,
      storage,
      requireFunction: (name) => functions.get(name),
      accept: (call) => accepted.asyncCalls.accept(call),
      clock,
      logger,
    });
    this.parts.push(triggers);
    const explainer = new CallExplainer(new NatsCallRecords(bus, storage), clock);
    const handlers = new Handlers(logger, this.stopping.signal, door);
    const poolsChanged = (signal: AbortSignal): Promise<void> => news.changed(signal);
    const { client } = storage;
    server.addService(
      tidepoolService,
      tidepoolApi(handlers, {
        functions,
        versions,
        secrets,
        fleet: new Hosts(hostsView, drains, clock),
        asyncCalls: accepted.asyncCalls,
        deadLetters: accepted.deadLetters,
        router,
        scheduler,
        explainer,
        tenants,
        tokens,
        schedules: triggers.schedules,
        subscriptions: triggers.subscriptions,
        pools,
        poolsChanged,
        client,
        clock,
      }),
    );
    const { check, watch } = this.health;
    server.addService(healthService, { check, watch });
    const serverReflectionInfo = reflection(
      serviceNames,
      this.stopping.signal,
      this.openRoom,
      logger,
    );
    server.addService(reflectionService, { serverReflectionInfo });
    server.addService(reflectionAlphaService, { serverReflectionInfo });
    this.urls = new FunctionUrls({
      address: httpAddress,
      findUrl: async (name) => (await functions.get(name)).settings.url,
      call: async (call, sink, signal) => {
        const requestId = subjects.ownedBy(subjects.tenantOf(call.name), call.requestId);
        const invocation = { ...call, requestId };
        const { isStreamed, payload } = await router.invoke(invocation, undefined, signal, sink);
        return isStreamed ? undefined : payload;
      },
      clock,
      logger,
    });
    return this.urls;
  }

  private listen(address: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(
        address,
        serverCredentials(this.options.config.doorTls, "may be anyone"),
        (error, port) => {
          if (error === null) {
            const release = limitConnections(port, connectionsOfCallersMax);
            this.parts.push({ stop: () => Promise.resolve(release()) });
            return resolve(address.replace(/:\d+$/, `:${port}`));
          }
          reject(
            new TidepoolError("unavailable", `cannot listen on ${address}: ${messageOf(error)}`, {
              cause: error,
            }),
          );
        },
      );
    });
  }

  private async closeServer(): Promise<void> {
    const drained = new Promise<boolean>((resolve) => {
      this.server.tryShutdown(() => resolve(true));
    });
    const late = new AbortController();
    const inTime = await Promise.race([
      drained,
      this.clock.sleep(drainMaxMs, late.signal).then(
        () => false,
        () => false,
      ),
    ]);
    late.abort();
    if (inTime) return;
    this.logger.warn("calls cut off at the end", { drainMaxMs });
    this.server.forceShutdown();
  }
}
