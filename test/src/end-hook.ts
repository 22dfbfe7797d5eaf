/**
 * Mocha waits for ever for what a test leaves open; so that a run always ends, it is ended here some time
 * after the last test, as a failure that names what is open.
 */
const leftOpenMaxMs = 60_000;

export const mochaHooks = {
  afterAll(): void {
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(", ");
      process.stderr.write(`a test left something open, so the run fails: ${open}\n`);
      process.exit(1);
    }, leftOpenMaxMs).unref();
  },
};
