let page = 0;
let total = 0;
const active = [];
while (page !== null) {
  const answer = await tools.fake.list_records({ page, size: 200 });
  total += answer.records.length;
  active.push(
    ...answer.records
      .filter((r) => r.active && r.amount > 990)
      .map((r) => r.id),
  );
  page = answer.next_page;
}
console.log(total, active);
