// What stands here runs once, when the code is loaded into a VM.
const startedAt = new Date().toISOString();

// Runs for every call. What it returns is the answer, as JSON; what it prints is in `tidepool logs`.
export const handler = async (event, context) => {
  console.log(`call ${context.awsRequestId}`);
  return { greeting: `Hello, ${event?.name ?? "world"}!`, startedAt };
};
