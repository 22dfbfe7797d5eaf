"""Uses Tidepool from Python, with stubs made from our .proto files: python-client.py STUBS ADDRESS ZIP"""

import json
import sys
import time

stubs, address, zip_path = sys.argv[1:]
sys.path.insert(0, stubs)

import google
import grpc

# The stubs of grpc.health and google.rpc lie beside the installed packages of those names.
google.__path__.append(stubs + "/google")
grpc.__path__.append(stubs + "/grpc")

from google.rpc import status_pb2
from grpc.health.v1 import health_pb2, health_pb2_grpc
from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tidepool.v1 import tidepool_pb2, tidepool_pb2_grpc

channel = grpc.insecure_channel(address)
api = tidepool_pb2_grpc.TidepoolStub(channel)
seen = {}

health = health_pb2_grpc.HealthStub(channel)
seen["health"] = health.Check(health_pb2.HealthCheckRequest(service="tidepool.v1.Tidepool")).status
seen["watched"] = next(iter(health.Watch(health_pb2.HealthCheckRequest()))).status

reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
Ask = reflection_pb2.ServerReflectionRequest
answers = reflection.ServerReflectionInfo(
    iter([Ask(list_services=""), Ask(file_containing_symbol="tidepool.v1.Tidepool.Invoke"), Ask(file_containing_symbol="no.Such")])
)
services, files, missing = list(answers)
seen["services"] = [service.name for service in services.list_services_response.service]
seen["files"] = len(files.file_descriptor_response.file_descriptor_proto)
seen["missing"] = missing.error_response.error_code

settings = tidepool_pb2.FunctionSettings(runtime="nodejs20", handler="index.handler")
api.CreateFunction(tidepool_pb2.CreateFunctionRequest(name="from-python", settings=settings))


def upload():
    yield tidepool_pb2.UploadCodeRequest(name="from-python")
    with open(zip_path, "rb") as file:
        while chunk := file.read(65536):
            yield tidepool_pb2.UploadCodeRequest(chunk=chunk)


seen["version"] = api.UploadCode(upload()).version
seen["listed"] = [function.name for function in api.ListFunctions(tidepool_pb2.ListFunctionsRequest()).functions]

answer = api.Invoke(tidepool_pb2.InvokeRequest(name="from-python", payload=b'{"from": "python"}'), timeout=20)
seen["payload"] = json.loads(answer.payload)
seen["start"] = tidepool_pb2.Start.Name(answer.start)


nightly = tidepool_pb2.ScheduleSettings(
    function_name="from-python",
    cron="0 30 2 * * *",
    time_zone="Europe/Berlin",
    flexible_minutes=15,
    missed=tidepool_pb2.MISSED_TICKS_ONE,
    payload=b'{"from": "python"}',
)
put = api.PutSchedule(tidepool_pb2.PutScheduleRequest(name="nightly", settings=nightly))
got = api.GetSchedule(tidepool_pb2.GetScheduleRequest(name="nightly"))
seen["schedule"] = [got.settings == nightly, len(got.next_at), 0 <= got.offset_ms < 900_000, got.revision == put.revision]
try:
    api.PutSchedule(tidepool_pb2.PutScheduleRequest(name="nightly", settings=nightly, revision="older"))
except grpc.RpcError as error:
    seen["schedule_stale"] = error.code().name
listed = api.ListSchedules(tidepool_pb2.ListSchedulesRequest(function_name="from-python")).schedules
api.DeleteSchedule(tidepool_pb2.DeleteScheduleRequest(name="nightly"))
seen["schedules"] = [schedule.name for schedule in listed]
orders = tidepool_pb2.SubscriptionSettings(function_name="from-python", subject="orders.*")
api.PutSubscription(tidepool_pb2.PutSubscriptionRequest(name="orders", settings=orders))
listed = api.ListSubscriptions(tidepool_pb2.ListSubscriptionsRequest()).subscriptions
api.DeleteSubscription(tidepool_pb2.DeleteSubscriptionRequest(name="orders"))
seen["subscriptions"] = [[each.name, each.settings == orders, each.problem] for each in listed]


def stream(payload):
    parts = api.InvokeStream(tidepool_pb2.InvokeRequest(name="from-python", payload=payload), timeout=60)
    return [(part.WhichOneof("part"), part) for part in parts]


parts = stream(b'{"simulated": {"streamBytes": 10000000}}')
seen["stream_kinds"] = [parts[0][0], parts[-1][0], sorted({kind for kind, _ in parts[1:-1]})]
seen["stream_bytes"] = sum(len(part.chunk) for kind, part in parts if kind == "chunk")
seen["stream_type"] = parts[0][1].begin.content_type
seen["stream_ids"] = parts[0][1].begin.request_id == parts[-1][1].end.request_id != ""
seen["whole"] = [kind for kind, _ in stream(b'{"not": "streamed"}')]
try:
    stream(b'{"simulated": {"streamBytes": 1000, "failure": "throw"}}')
except grpc.RpcError as error:
    seen["broken_off"] = error.code().name

Status = tidepool_pb2.InvocationStatus


def accept(payload, **more):
    request = tidepool_pb2.InvokeAsyncRequest(name="from-python", payload=payload, **more)
    return api.InvokeAsync(request, timeout=20)


def ended(request_id):
    while True:
        call = api.GetInvocation(tidepool_pb2.GetInvocationRequest(request_id=request_id), timeout=20)
        if call.HasField("ended_at"):
            return call
        time.sleep(0.05)


accepted = accept(b'{"n": 7}', dedupe_key="python-7")
call = ended(accepted.request_id)
seen["accepted"] = [Status.Name(call.status), json.loads(call.payload), call.attempts, call.response.version]
again = accept(b'{"n": 8}', dedupe_key="python-7")
seen["duplicate"] = [again.is_duplicate, again.request_id == accepted.request_id]
later = accept(b"1", delay_ms=3600000)
cancelled = api.CancelInvocation(tidepool_pb2.CancelInvocationRequest(request_id=later.request_id))
seen["cancelled"] = Status.Name(cancelled.status)
failed = ended(accept(b'{"simulated": {"failure": "throw"}}', retries=0).request_id)
seen["failed"] = [Status.Name(failed.status), failed.failure.code, failed.failure.component]
which = {"function_name": "from-python", "request_ids": [failed.request_id]}
while not (letters := api.ListDeadLetters(tidepool_pb2.ListDeadLettersRequest(**which)).letters):
    time.sleep(0.05)
seen["letter"] = json.loads(letters[0].payload)
redriven = api.RedriveDeadLetters(tidepool_pb2.RedriveDeadLettersRequest(**which))
seen["redriven"] = [redriven.count, Status.Name(ended(redriven.request_ids[0]).status)]
try:
    accept(b"1", retries=11)
except grpc.RpcError as error:
    seen["refused"] = error.code().name


def publish():
    start = tidepool_pb2.UploadStart(name="from-python", description="second", keep_active=True)
    yield tidepool_pb2.UploadCodeRequest(start=start)
    with open(zip_path, "rb") as file:
        yield tidepool_pb2.UploadCodeRequest(chunk=file.read())


published = api.UploadCode(publish())
seen["published"] = [published.version, published.newest_version]
versions = api.ListVersions(tidepool_pb2.ListVersionsRequest(name="from-python")).versions
seen["versions"] = [[version.version, version.description, version.is_active] for version in versions]
alias = tidepool_pb2.Alias(name="live", version="2", others=[tidepool_pb2.WeightedVersion(version="1", weight=0)])
seen["alias"] = api.PutAlias(tidepool_pb2.PutAliasRequest(function_name="from-python", alias=alias)).version
seen["by_qualifier"] = [
    api.Invoke(tidepool_pb2.InvokeRequest(name="from-python", payload=b"1", qualifier=qualifier), timeout=20).version
    for qualifier in ["", "live", "1", "2"]
]
seen["activated"] = api.ActivateVersion(
    tidepool_pb2.ActivateVersionRequest(name="from-python", version="2", revision=api.GetFunction(tidepool_pb2.GetFunctionRequest(name="from-python")).revision)
).version
seen["rolled_back"] = api.ActivateVersion(tidepool_pb2.ActivateVersionRequest(name="from-python")).version
try:
    api.ActivateVersion(tidepool_pb2.ActivateVersionRequest(name="from-python", version="2", revision="1"))
except grpc.RpcError as error:
    seen["stale"] = error.code().name

try:
    api.Invoke(tidepool_pb2.InvokeRequest(name="nobody"), timeout=20)
except grpc.RpcError as error:
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    failure = tidepool_pb2.Failure()
    status_pb2.Status.FromString(details).details[0].Unpack(failure)
    seen["error"] = [error.code().name, failure.code, failure.message]

api.DeleteFunction(tidepool_pb2.DeleteFunctionRequest(name="from-python"))


def failure_of(call):
    """What came with a failed call: its status and its tidepool.v1.Failure."""
    try:
        call()
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        failure = tidepool_pb2.Failure()
        status_pb2.Status.FromString(details).details[0].Unpack(failure)
        return error.code().name, failure
    raise AssertionError("the call did not fail")


secret = api.PutSecret(tidepool_pb2.PutSecretRequest(name="from-python", value=b"a value"))
limited = tidepool_pb2.FunctionSettings(
    runtime="nodejs20",
    handler="index.handler",
    vcpu_count=2,
    secrets={"TOKEN": "from-python"},
    rate_limit=tidepool_pb2.RateLimit(calls_per_second=0.5, burst=1),
)
api.CreateFunction(tidepool_pb2.CreateFunctionRequest(name="limited", settings=limited))


def upload_limited():
    yield tidepool_pb2.UploadCodeRequest(name="limited")
    with open(zip_path, "rb") as file:
        yield tidepool_pb2.UploadCodeRequest(chunk=file.read())


api.UploadCode(upload_limited())
call_limited = lambda: api.Invoke(tidepool_pb2.InvokeRequest(name="limited", payload=b"1"), timeout=20)
seen["limited"] = json.loads(call_limited().payload)
status, failure = failure_of(call_limited)
seen["throttled"] = [status, failure.code, failure.component, failure.reason, 0 < failure.retry_after_ms <= 2000]
limited.reserved_concurrency = 0
seen["stopped_version"] = api.UpdateFunction(tidepool_pb2.UpdateFunctionRequest(name="limited", settings=limited)).version
status, failure = failure_of(call_limited)
seen["stopped"] = [status, failure.reason, failure.retryable]
status, failure = failure_of(lambda: api.DeleteSecret(tidepool_pb2.DeleteSecretRequest(name="from-python")))
seen["secret_in_use"] = [status, failure.reason, len(failure.request_id)]
seen["secrets"] = [[each.name, list(each.used_by)] for each in api.ListSecrets(tidepool_pb2.ListSecretsRequest()).secrets]
bad = lambda: api.Invoke(tidepool_pb2.InvokeRequest(name="limited", payload=b"{", request_id="mine"), timeout=20)
status, failure = failure_of(bad)
seen["bad_payload"] = [status, failure.component, failure.reason, failure.request_id]
tenant = tidepool_pb2.TenantSettings(concurrency_max=500)
seen["tenant"] = api.UpdateTenant(tidepool_pb2.UpdateTenantRequest(name="default", settings=tenant)).settings.concurrency_max
until_told = time.time() + 10
while time.time() < until_told:
    lines = list(api.GetLogs(tidepool_pb2.GetLogsRequest(limit=1000)))
    if any(line.function_name == "limited" for line in lines):
        break
    time.sleep(0.05)
seen["log_names"] = sorted({line.function_name for line in lines})
until_used = time.time() + 10
while time.time() < until_used:
    records = list(api.GetUsage(tidepool_pb2.GetUsageRequest(function_name="limited")))
    used = [sum(each.calls for each in records), sum(each.throttled_calls for each in records)]
    if used == [1, 2] and any(each.gb_seconds > 0 for each in records):
        break
    time.sleep(0.1)
seen["used"] = used

print(json.dumps(seen))
