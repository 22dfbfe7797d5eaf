/** Recent preparing and clone times of one config, for the planners. */

/** Measurements that count. */
export const measureCountMax = 50;

export class Measures {
  private readonly recent = new Map<string, number[]>();

  add(key: string, ms: number): void {
    const kept = this.recent.get(key) ?? [];
    kept.push(ms);
    if (kept.length > measureCountMax) kept.shift();
    this.recent.set(key, kept);
  }

  /** 0 without measurements. */
  mean(key: string): number {
    const kept = this.recent.get(key) ?? [];
    return kept.length === 0 ? 0 : kept.reduce((sum, ms) => sum + ms, 0) / kept.length;
  }

  /** 0 without measurements. */
  quantile(key: string, share: number): number {
    const kept = [...(this.recent.get(key) ?? [])].sort((a, b) => a - b);
    return kept[Math.max(0, Math.ceil(kept.length * share) - 1)] ?? 0;
  }
}
