// Bundled when it is deployed: nothing is to be built by hand, and packages of node_modules come along.
interface Event {
  readonly name?: string;
}

interface Context {
  readonly awsRequestId: string;
}

// What stands here runs once, when the code is loaded into a VM.
const startedAt = new Date().toISOString();

// Runs for every call. What it returns is the answer, as JSON; what it prints is in `tidepool logs`.
export async function handler(event: Event | null, context: Context): Promise<object> {
  console.log(`call ${context.awsRequestId}`);
  return { greeting: `Hello, ${event?.name ?? "world"}!`, startedAt };
}
