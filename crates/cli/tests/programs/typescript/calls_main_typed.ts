interface Summary {
  readonly total: number;
  readonly cities: ReadonlyMap<string, number>;
}
async function summarize(pages: number): Promise<Summary> {
  let total = 0;
  const cities = new Map<string, number>();
  for (let page = 0; page < pages; page++) {
    const { records } = await tools.fake.list_records({ page, size: 25 });
    for (const r of records as { city: string; amount: number }[]) {
      total += r.amount;
      cities.set(r.city, (cities.get(r.city) ?? 0) + 1);
    }
  }
  return { total, cities };
}
const main = async (): Promise<void> => {
  const { total, cities } = await summarize(2);
  console.log(total, [...cities].map(([c, n]) => `${c}:${n}`).join(","));
};
await main();
