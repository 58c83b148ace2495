type Order = { id: number; record: number; units: number };
const orders: Order[] = await tools.fake.structured({
  value: [
    { id: 1, record: 3, units: 2 },
    { id: 2, record: 999, units: 1 },
    { id: 3, record: 3, units: 5 },
  ],
});
const { records }: { records: { id: number; name: string; amount: number }[] } =
  await tools.fake.list_records({ page: 0, size: 20 });
const byId = new Map(records.map((r) => [r.id, r] as const));
for (const { id, record, units } of orders) {
  const found = byId.get(record);
  console.log(id, found ? `${found.name}: ${found.amount * units}` : "unknown");
}
