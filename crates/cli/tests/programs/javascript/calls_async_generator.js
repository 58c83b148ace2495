async function* records(size = 100) {
  for (let page = 0; page !== null;) {
    const answer = await tools.fake.list_records({ page, size });
    yield* answer.records;
    page = answer.next_page;
  }
}
const found = [];
for await (const record of records()) {
  if (record.city === "Gdańsk" && record.amount > 900) found.push(record.name);
  if (found.length === 4) break;
}
console.log(found);
let count = 0;
for await (const _ of records(400)) count++;
console.log(count);
