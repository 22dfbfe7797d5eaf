// Made to be called at a fixed period: after a few calls its VM waits before the next one comes.
//
//   ./tidepool deploy examples/heartbeat --keep-alive 2000
//   while sleep 15; do ./tidepool invoke heartbeat; done
//   ./tidepool forecast heartbeat
//
// `beats` counts the calls that this VM has served: it starts at 1 again whenever the code was loaded anew.
let beats = 0;

export const handler = async () => {
  beats += 1;
  return { beats, at: new Date().toISOString() };
};
