/** Limits of function URLs, by name; each is refused with the HTTP status that says so. */

/** Request line and headers together, bytes. */
export const headersMaxBytes = 16 * 1024;
/** Header lines of one request. */
export const headersMaxCount = 100;
/** Body of a request, bytes. What it becomes must fit a call's payload too: binary grows by a third on the way. */
export const bodyMaxBytes = 6 * 1024 * 1024;
/** Bodies that are held at once, bytes; more are told to come back. */
export const bodiesMaxBytes = 256 * 1024 * 1024;
/** A client must have sent its headers within this. */
export const headersTimeoutMs = 10_000;
/** A client must have sent its whole request within this. */
export const requestTimeoutMs = 60_000;
/** A connection without a request is kept so long. */
export const idleConnectionMs = 30_000;
/** A client that takes nothing of its answer for so long is given up. */
export const slowReaderMs = 60_000;
/** Connections at once. */
export const connectionsMaxCount = 10_000;
/** Told where nothing better is known, seconds. */
export const retryAfterDefaultSeconds = 1;
/** A browser may remember what CORS allows for so long, seconds. */
export const corsMaxAgeSeconds = 600;
