/** Where function URLs are served, when nobody says: beside the frontend's gRPC port, as `tidepool up` does it. */

/** 7070 and 7080. */
export const httpPortOffset = 10;

/** @param address of the frontend, host:port */
export function httpAddressBeside(address: string): string {
  const [, host = address, port = "0"] = /^(.*):(\d+)$/.exec(address) ?? [];
  return `${host}:${Number(port) + httpPortOffset}`;
}

const tenantDefault = "default";

/** Where a function that has a URL answers. Functions of other tenants have theirs before their name. */
export function functionUrl(
  { name, tenant }: { readonly name: string; readonly tenant: string },
  httpAddress: string,
): string {
  const kept = tenant === tenantDefault ? name : `${tenant}=${name}`;
  return `http://${httpAddress}/fn/${kept}/`;
}
