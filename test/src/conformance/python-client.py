"""Uses Tidepool from Python, with stubs made from our .proto files: python-client.py STUBS ADDRESS ZIP"""

import json
import sys

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
print(json.dumps(seen))
