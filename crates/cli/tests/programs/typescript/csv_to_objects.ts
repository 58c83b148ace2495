interface Sale {
  date: Date;
  region: "EU" | "US";
  units: number;
}
const text = `date,region,units
2024-01-03,EU,10
2024-01-09,US,4
2024-02-01,EU,25`;
function isRegion(value: string): value is Sale["region"] {
  return value === "EU" || value === "US";
}
const sales: Sale[] = text
  .split("\n")
  .slice(1)
  .map((line): Sale => {
    const [date, region, units] = line.split(",") as [string, string, string];
    if (!isRegion(region)) throw new RangeError(region);
    return { date: new Date(date), region, units: parseInt(units, 10) };
  });
const byMonth = new Map<string, number>();
for (const { date, units } of sales) {
  const key = date.toISOString().slice(0, 7);
  byMonth.set(key, (byMonth.get(key) ?? 0) + units);
}
console.log([...byMonth.entries()], Math.max(...sales.map((s) => s.units)));
