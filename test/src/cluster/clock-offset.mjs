/** To be imported before a service: its wall clock goes wrong by CLOCK_OFFSET_MS, as a machine's may; its monotonic one does not. */
const offsetMs = Number(process.env["CLOCK_OFFSET_MS"]);
const SystemDate = Date;
const nowMs = () => SystemDate.now() + offsetMs;

globalThis.Date = class Date extends SystemDate {
  constructor(...given) {
    super(...(given.length === 0 ? [nowMs()] : given));
  }
  static now() {
    return nowMs();
  }
};
