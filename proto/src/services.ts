/**
 * gRPC service definitions over the static codecs: one object serves a server's addService and a
 * client's makeGenericClientConstructor. No reflection at run time and no gRPC import here.
 */
import { google, grpc, tidepool } from "../gen/tidepool.js";

/** What every generated message class has. */
interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export interface MethodDefinition<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

type Streaming = "unary" | "client" | "server" | "both";

function method<Request, Response>(
  path: string,
  streaming: Streaming,
  request: Codec<Request>,
  response: Codec<Response>,
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream: streaming === "client" || streaming === "both",
    responseStream: streaming === "server" || streaming === "both",
    requestSerialize: (message) => toBuffer(request.encode(message).finish()),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => toBuffer(response.encode(message).finish()),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const api = tidepool.v1;
const apiPath = (name: string): string => `/tidepool.v1.Tidepool/${name}`;

export const tidepoolService = {
  createFunction: method(
    apiPath("CreateFunction"),
    "unary",
    api.CreateFunctionRequest,
    api.Function,
  ),
  checkSettings: method(
    apiPath("CheckSettings"),
    "unary",
    api.CheckSettingsRequest,
    api.FunctionSettings,
  ),
  updateFunction: method(
    apiPath("UpdateFunction"),
    "unary",
    api.UpdateFunctionRequest,
    api.Function,
  ),
  getFunction: method(apiPath("GetFunction"), "unary", api.GetFunctionRequest, api.Function),
  listFunctions: method(
    apiPath("ListFunctions"),
    "unary",
    api.ListFunctionsRequest,
    api.ListFunctionsResponse,
  ),
  deleteFunction: method(
    apiPath("DeleteFunction"),
    "unary",
    api.DeleteFunctionRequest,
    api.DeleteFunctionResponse,
  ),
  uploadCode: method(apiPath("UploadCode"), "client", api.UploadCodeRequest, api.Function),
  listVersions: method(
    apiPath("ListVersions"),
    "unary",
    api.ListVersionsRequest,
    api.ListVersionsResponse,
  ),
  activateVersion: method(
    apiPath("ActivateVersion"),
    "unary",
    api.ActivateVersionRequest,
    api.Function,
  ),
  putAlias: method(apiPath("PutAlias"), "unary", api.PutAliasRequest, api.Alias),
  listAliases: method(
    apiPath("ListAliases"),
    "unary",
    api.ListAliasesRequest,
    api.ListAliasesResponse,
  ),
  deleteAlias: method(
    apiPath("DeleteAlias"),
    "unary",
    api.DeleteAliasRequest,
    api.DeleteAliasResponse,
  ),
  putSecret: method(apiPath("PutSecret"), "unary", api.PutSecretRequest, api.Secret),
  listSecrets: method(
    apiPath("ListSecrets"),
    "unary",
    api.ListSecretsRequest,
    api.ListSecretsResponse,
  ),
  deleteSecret: method(
    apiPath("DeleteSecret"),
    "unary",
    api.DeleteSecretRequest,
    api.DeleteSecretResponse,
  ),
  invoke: method(apiPath("Invoke"), "unary", api.InvokeRequest, api.InvokeResponse),
  invokeStream: method(apiPath("InvokeStream"), "server", api.InvokeRequest, api.InvokePart),
  invokeAsync: method(
    apiPath("InvokeAsync"),
    "unary",
    api.InvokeAsyncRequest,
    api.InvokeAsyncResponse,
  ),
  getInvocation: method(
    apiPath("GetInvocation"),
    "unary",
    api.GetInvocationRequest,
    api.Invocation,
  ),
  cancelInvocation: method(
    apiPath("CancelInvocation"),
    "unary",
    api.CancelInvocationRequest,
    api.Invocation,
  ),
  listDeadLetters: method(
    apiPath("ListDeadLetters"),
    "unary",
    api.ListDeadLettersRequest,
    api.ListDeadLettersResponse,
  ),
  redriveDeadLetters: method(
    apiPath("RedriveDeadLetters"),
    "unary",
    api.RedriveDeadLettersRequest,
    api.RedriveDeadLettersResponse,
  ),
  purgeDeadLetters: method(
    apiPath("PurgeDeadLetters"),
    "unary",
    api.PurgeDeadLettersRequest,
    api.PurgeDeadLettersResponse,
  ),
  putSchedule: method(apiPath("PutSchedule"), "unary", api.PutScheduleRequest, api.Schedule),
  getSchedule: method(apiPath("GetSchedule"), "unary", api.GetScheduleRequest, api.Schedule),
  listSchedules: method(
    apiPath("ListSchedules"),
    "unary",
    api.ListSchedulesRequest,
    api.ListSchedulesResponse,
  ),
  deleteSchedule: method(
    apiPath("DeleteSchedule"),
    "unary",
    api.DeleteScheduleRequest,
    api.DeleteScheduleResponse,
  ),
  putSubscription: method(
    apiPath("PutSubscription"),
    "unary",
    api.PutSubscriptionRequest,
    api.Subscription,
  ),
  listSubscriptions: method(
    apiPath("ListSubscriptions"),
    "unary",
    api.ListSubscriptionsRequest,
    api.ListSubscriptionsResponse,
  ),
  deleteSubscription: method(
    apiPath("DeleteSubscription"),
    "unary",
    api.DeleteSubscriptionRequest,
    api.DeleteSubscriptionResponse,
  ),
  watchPools: method(apiPath("WatchPools"), "server", api.WatchPoolsRequest, api.PoolsSnapshot),
  getForecast: method(
    apiPath("GetForecast"),
    "unary",
    api.GetForecastRequest,
    api.GetForecastResponse,
  ),
  getLogs: method(apiPath("GetLogs"), "server", api.GetLogsRequest, api.LogLine),
  getUsage: method(apiPath("GetUsage"), "server", api.GetUsageRequest, api.UsageRecord),
  explainCall: method(
    apiPath("ExplainCall"),
    "unary",
    api.ExplainCallRequest,
    api.ExplainCallResponse,
  ),
  getTenant: method(apiPath("GetTenant"), "unary", api.GetTenantRequest, api.Tenant),
  updateTenant: method(apiPath("UpdateTenant"), "unary", api.UpdateTenantRequest, api.Tenant),
  listHosts: method(apiPath("ListHosts"), "unary", api.ListHostsRequest, api.ListHostsResponse),
  drainHost: method(apiPath("DrainHost"), "unary", api.DrainHostRequest, api.Host),
  undrainHost: method(apiPath("UndrainHost"), "unary", api.UndrainHostRequest, api.Host),
  createToken: method(
    apiPath("CreateToken"),
    "unary",
    api.CreateTokenRequest,
    api.CreateTokenResponse,
  ),
  listTokens: method(apiPath("ListTokens"), "unary", api.ListTokensRequest, api.ListTokensResponse),
  revokeToken: method(
    apiPath("RevokeToken"),
    "unary",
    api.RevokeTokenRequest,
    api.RevokeTokenResponse,
  ),
} as const;

const internal = tidepool.internal.v1;

export const hostService = {
  invocations: method(
    "/tidepool.internal.v1.Host/Invocations",
    "both",
    internal.FrontendMessage,
    internal.HostMessage,
  ),
} as const;

const health = grpc.health.v1;

export const healthService = {
  check: method(
    "/grpc.health.v1.Health/Check",
    "unary",
    health.HealthCheckRequest,
    health.HealthCheckResponse,
  ),
  watch: method(
    "/grpc.health.v1.Health/Watch",
    "server",
    health.HealthCheckRequest,
    health.HealthCheckResponse,
  ),
} as const;

export const reflectionService = {
  serverReflectionInfo: method(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "both",
    grpc.reflection.v1.ServerReflectionRequest,
    grpc.reflection.v1.ServerReflectionResponse,
  ),
} as const;

/** The same messages under the older package name, which most released tools ask for first. */
export const reflectionAlphaService = {
  serverReflectionInfo: method(
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "both",
    grpc.reflection.v1alpha.ServerReflectionRequest,
    grpc.reflection.v1alpha.ServerReflectionResponse,
  ),
} as const;

/** Codec of the standard error details in grpc-status-details-bin. */
export const statusCodec = google.rpc.Status;
