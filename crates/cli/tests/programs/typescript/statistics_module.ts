namespace Stats {
  export const sum = (xs: readonly number[]): number =>
    xs.reduce((a, b) => a + b, 0);
  export const mean = (xs: readonly number[]): number => sum(xs) / xs.length;
  export function median(xs: readonly number[]): number {
    const sorted = [...xs].sort((a, b) => a - b),
      mid = sorted.length >> 1;
    return sorted.length % 2
      ? sorted[mid]!
      : (sorted[mid - 1]! + sorted[mid]!) / 2;
  }
  export function deviation(xs: readonly number[]): number {
    const m = mean(xs);
    return Math.sqrt(sum(xs.map((x) => (x - m) ** 2)) / (xs.length - 1));
  }
  export function histogram(xs: readonly number[], bins: number): number[] {
    const low = Math.min(...xs),
      width = (Math.max(...xs) - low) / bins || 1;
    const out = new Array<number>(bins).fill(0);
    for (const x of xs)
      out[Math.min(bins - 1, Math.floor((x - low) / width))]++;
    return out;
  }
}
const xs = Float64Array.from({ length: 50 }, (_, i) => (i * 7919) % 101);
const list: number[] = Array.from(xs);
console.log(
  Stats.mean(list),
  Stats.median(list),
  Stats.deviation(list).toFixed(4),
);
Stats.histogram(list, 5).forEach((n, i) =>
  console.log(String(i).padStart(2), "#".repeat(n)),
);
