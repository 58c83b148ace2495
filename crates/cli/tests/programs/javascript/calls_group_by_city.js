const byCity = new Map();
for (let page = 0; page !== null;) {
  const { records, next_page } = await tools.fake.list_records({
    page,
    size: 250,
  });
  for (const { city, amount } of records) {
    const entry = byCity.get(city) ?? { n: 0, sum: 0, max: -Infinity };
    entry.n++;
    entry.sum += amount;
    entry.max = Math.max(entry.max, amount);
    byCity.set(city, entry);
  }
  page = next_page;
}
console.log(
  "city".padEnd(10),
  "n".padStart(4),
  "sum".padStart(8),
  "mean".padStart(8),
  "max".padStart(5),
);
for (const [city, { n, sum, max }] of [...byCity].sort(([a], [b]) =>
  a < b ? -1 : 1,
)) {
  console.log(
    city.padEnd(10),
    String(n).padStart(4),
    String(sum).padStart(8),
    (sum / n).toFixed(2).padStart(8),
    String(max).padStart(5),
  );
}
const [best] = [...byCity].sort(([, a], [, b]) => b.sum - a.sum)[0];
console.log(`best: ${best}`);
