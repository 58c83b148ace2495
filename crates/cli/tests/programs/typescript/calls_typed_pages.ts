interface Row {
  id: number;
  name: string;
  city: string;
  amount: number;
  active: boolean;
}
interface Page {
  records: Row[];
  next_page: number | null;
}
let page: number | null = 0;
const totals: Record<string, number> = {};
while (page !== null) {
  const answer: Page = await tools.fake.list_records({ page, size: 300 });
  for (const { city, amount } of answer.records)
    totals[city] = (totals[city] ?? 0) + amount;
  page = answer.next_page;
}
console.log(totals);
