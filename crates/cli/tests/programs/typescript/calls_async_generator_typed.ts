interface Row {
  id: number;
  city: string;
  amount: number;
}
async function* rows(size: number): AsyncGenerator<Row, number, void> {
  let page: number | null = 0,
    count = 0;
  do {
    const answer: { records: Row[]; next_page: number | null } =
      await tools.fake.list_records({ page, size });
    for (const row of answer.records) {
      count++;
      yield row;
    }
    page = answer.next_page;
  } while (page !== null);
  return count;
}
const best = new Map<string, Row>();
for await (const row of rows(500)) {
  const known = best.get(row.city);
  if (!known || row.amount > known.amount) best.set(row.city, row);
}
for (const [city, { id, amount }] of best) console.log(city, id, amount);
