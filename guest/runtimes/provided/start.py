"""What init starts: the part of this runtime that stands between the host-agent and the function's bootstrap."""

from tidepool_runtime.main import main

main()
