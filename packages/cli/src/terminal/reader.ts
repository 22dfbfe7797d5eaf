/** Who reads stdout may leave before the end, as in `tidepool logs -f | head`: then nothing more is wanted. */
const endings = new Set<() => void>();

/** For work that must clean up. @param end called when the reader leaves; @returns to be called when it has ended */
export function onReaderGone(end: () => void): () => void {
  endings.add(end);
  return () => void endings.delete(end);
}

/** @returns whether something ends in order now, so that the process must not end before it has */
export function readerGone(): boolean {
  for (const end of endings) end();
  return endings.size > 0;
}
