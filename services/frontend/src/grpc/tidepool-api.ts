/** The public API: each method of tidepool.v1.Tidepool, in terms of the frontend's parts. */
import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { JetStreamClient } from "@nats-io/jetstream";
import type { Clock } from "@tidepool/common";
import type { tidepool, tidepoolService } from "@tidepool/proto";
import type { CallExplainer } from "../explain/call-explainer.ts";
import { poolsUpdateMinMs } from "../limits.ts";
import { parseLogQuery, readLogs } from "../nats/function-logs.ts";
import { parseUsageQuery, readUsage } from "../nats/usage-records.ts";
import type { PoolsView } from "../pools/pools-view.ts";
import type { Scheduler } from "../ports.ts";
import { parseInvocation } from "../routing/invocation.ts";
import type { Router } from "../routing/router.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Tenants } from "../tenants/tenants.ts";
import type { Tokens } from "../door/tokens.ts";
import type { Hosts } from "../fleet/hosts.ts";
import { functionApi } from "./function-api.ts";
import type { FunctionApiOptions } from "./function-api.ts";
import { asyncApi } from "./async-api.ts";
import type { AsyncApiOptions } from "./async-api.ts";
import type { CallContext, Handlers } from "./handlers.ts";
import { answerToWire, invokeStream } from "./invoke-stream.ts";
import { hostApi } from "./host-api.ts";
import { secretApi } from "./secret-api.ts";
import { tokenApi } from "./token-api.ts";
import { triggerApi } from "./trigger-api.ts";
import type { TriggerApiOptions } from "./trigger-api.ts";

export interface TidepoolApiOptions extends FunctionApiOptions, AsyncApiOptions, TriggerApiOptions {
  readonly secrets: Secrets;
  readonly fleet: Hosts;
  readonly router: Router;
  readonly scheduler: Scheduler;
  readonly explainer: CallExplainer;
  readonly tenants: Tenants;
  readonly tokens: Tokens;
  readonly pools: PoolsView;
  /** Resolves at the next change of the pools, or when the signal aborts. */
  readonly poolsChanged: (signal: AbortSignal) => Promise<void>;
  readonly client: JetStreamClient;
  readonly clock: Clock;
}

export function tidepoolApi(
  handlers: Handlers,
  options: TidepoolApiOptions,
): Record<keyof typeof tidepoolService, UntypedHandleCall> {
  const { functions, router, scheduler, explainer, tenants } = options;
  return {
    ...functionApi(handlers, options),
    ...triggerApi(handlers, options),
    ...asyncApi(handlers, options),
    ...secretApi(handlers, options.secrets),
    ...hostApi(handlers, options.fleet),
    ...tokenApi(handlers, options.tokens),
    invoke: handlers.unary(
      "Invoke",
      async (request: tidepool.v1.InvokeRequest.$Properties, context: CallContext) =>
        answerToWire(
          await router.invoke(parseInvocation(request), context.deadlineAtMs, context.signal),
        ),
    ),
    invokeStream: handlers.answerStream(
      "InvokeStream",
      (
        request: tidepool.v1.InvokeRequest.$Properties,
        context: CallContext,
        send: (part: tidepool.v1.InvokePart.$Properties) => Promise<void>,
      ) => invokeStream(router, request, context, send),
    ),
    watchPools: handlers.serverStream("WatchPools", (_request, { signal }) =>
      watchPools(options, signal),
    ),
    getForecast: handlers.unary(
      "GetForecast",
      async ({ name }: tidepool.v1.GetForecastRequest.$Properties) =>
        scheduler.forecast((await functions.get(name)).name),
    ),
    getLogs: handlers.serverStream(
      "GetLogs",
      (request: tidepool.v1.GetLogsRequest.$Properties, context) =>
        getLogs(options, request, context),
    ),
    getUsage: handlers.serverStream(
      "GetUsage",
      (request: tidepool.v1.GetUsageRequest.$Properties, { signal, caller }) =>
        readUsage(options.client, caller.tenant, parseUsageQuery(request), signal),
    ),
    explainCall: handlers.unary(
      "ExplainCall",
      ({ requestId }: tidepool.v1.ExplainCallRequest.$Properties, { signal }) =>
        explainer.explain(requestId ?? "", signal),
    ),
    getTenant: handlers.unary(
      "GetTenant",
      ({ name }: tidepool.v1.GetTenantRequest.$Properties, { caller }) => tenants.get(name, caller),
    ),
    updateTenant: handlers.unary(
      "UpdateTenant",
      ({ name, settings }: tidepool.v1.UpdateTenantRequest.$Properties) =>
        tenants.update(name, settings),
    ),
  };
}

async function* watchPools(
  { pools, poolsChanged, clock }: TidepoolApiOptions,
  signal: AbortSignal,
): AsyncGenerator<tidepool.v1.PoolsSnapshot.$Properties> {
  while (!signal.aborted) {
    const changed = poolsChanged(signal);
    yield pools.snapshot(clock.nowMs());
    await clock.sleep(poolsUpdateMinMs, signal).catch(() => {});
    await changed;
  }
}

async function* getLogs(
  { functions, client }: TidepoolApiOptions,
  request: tidepool.v1.GetLogsRequest.$Properties,
  { signal, caller }: CallContext,
): AsyncGenerator<tidepool.v1.LogLine.$Properties> {
  const name = request.name ? (await functions.get(request.name)).name : "";
  yield* readLogs(client, parseLogQuery(caller.tenant, name, request), signal);
}
