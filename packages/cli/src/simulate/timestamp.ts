/** Instants as logs write them: ISO 8601 (UTC where no zone is given), or seconds or milliseconds since 1970. */

/** Numbers from here on are milliseconds: as seconds they would lie in the year 5138. */
const millisecondsFrom = 1e11;
/** The year 5138 in milliseconds. */
const atMsMax = 1e14;
const iso =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?) ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;

/** @returns milliseconds since 1970; undefined for what is no instant */
export function parseTimestamp(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const value = Number(text);
    const atMs = value >= millisecondsFrom ? value : value * 1000;
    return atMs < atMsMax ? atMs : undefined;
  }
  const [, day, time, given = "Z"] = iso.exec(text) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const zone = /^utc$/i.test(given) ? "Z" : given;
  const offset = /^[+-]\d{2}$/.test(zone)
    ? `${zone}:00`
    : zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  const atMs = Date.parse(`${day}T${time.replace(",", ".")}${offset.toUpperCase()}`);
  return Number.isNaN(atMs) ? undefined : atMs;
}
