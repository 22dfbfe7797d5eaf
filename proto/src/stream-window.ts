/**
 * Flow control of streamed answers on the stream between a frontend and a host, which all calls share: a host
 * sends no more of one answer than the frontend has room for, so that a slow reader holds up its own call only.
 */

/** Bytes of one answer that may be on their way when its call begins; each Credit makes room for as many more. */
export const streamWindowBytes = 1024 * 1024;
