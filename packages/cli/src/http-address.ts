/** Where function URLs are served, when nobody says: beside the frontend's gRPC port, as `tidepool up` does it. */

/** 7070 and 7080. */
export const httpPortOffset = 10;

/** @param address of the frontend, host:port */
export function httpAddressBeside(address: string): string {
  const [, host = address, port = "0"] = /^(.*):(\d+)$/.exec(address) ?? [];
  return `${host}:${Number(port) + httpPortOffset}`;
}
