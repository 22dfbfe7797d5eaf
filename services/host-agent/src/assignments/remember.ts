/** Puts an entry into a map of bounded size: the oldest make room. */
export function remember<K, V>(map: Map<K, V>, key: K, value: V, countMax: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= countMax) break;
    map.delete(oldest);
  }
}
