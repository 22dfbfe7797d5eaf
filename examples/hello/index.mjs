// The smallest function: an ES module whose `handler` gets the payload and answers with JSON.
//
//   ./tidepool deploy examples/hello
//   ./tidepool invoke hello --payload '{"name":"Ada"}'
export const handler = async (event, context) => {
  console.log(`greeting ${event?.name ?? "nobody in particular"}`);
  return {
    greeting: `Hello, ${event?.name ?? "world"}!`,
    version: context.functionVersion,
  };
};
