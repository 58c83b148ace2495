function distance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = Math.min(
        above + 1,
        row[j - 1]! + 1,
        diagonal + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      diagonal = above;
    }
  }
  return row[b.length]!;
}
const words: string[] = ["kitten", "sitting", "mitten", "bitten", "knitting"];
const near = (w: string, most: number) =>
  words
    .map((x) => ({ x, d: distance(w, x) }))
    .filter(({ d }) => d <= most)
    .sort((p, q) => p.d - q.d || p.x.localeCompare(q.x));
for (const { x, d } of near("kitten", 3)) console.log(d, x);
