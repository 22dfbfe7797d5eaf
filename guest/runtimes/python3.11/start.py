"""What init starts. The runtime's modules are in a package whose name no function's code will have."""

from tidepool_runtime.main import main

main()
