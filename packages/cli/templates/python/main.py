from datetime import datetime, timezone

# What stands here runs once, when the code is loaded into a VM.
started_at = datetime.now(timezone.utc).isoformat()


# Runs for every call. What it returns is the answer, as JSON; what it prints is in `tidepool logs`.
def handler(event, context):
    print(f"call {context.aws_request_id}")
    name = (event or {}).get("name", "world")
    return {"greeting": f"Hello, {name}!", "startedAt": started_at}
