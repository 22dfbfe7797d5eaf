"""What a handler gets as its second argument."""

import time


class Context:
    identity = None
    client_context = None

    def __init__(self, load, request_id, timeout_ms, traceparent):
        self.aws_request_id = request_id
        self.function_name = load.function_name
        self.function_version = load.function_version
        self.memory_limit_in_mb = str(load.memory_limit_mib)
        self.invoked_function_arn = load.arn
        self.log_group_name = f"/tidepool/{load.function_name}"
        self.log_stream_name = load.function_version
        self.traceparent = traceparent
        self._deadline = time.monotonic() + timeout_ms / 1000

    def get_remaining_time_in_millis(self):
        return max(0, round((self._deadline - time.monotonic()) * 1000))
