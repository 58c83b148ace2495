async function load(pages) {
  const out = [];
  for (let page = 0; page < pages; page++) {
    out.push(...(await tools.fake.list_records({ page, size: 10 })).records);
  }
  return out;
}

function summarize(records) {
  const summary = { total: 0, active: 0, cities: {} };
  for (const { amount, active, city } of records) {
    summary.total += amount;
    if (active) summary.active++;
    summary.cities[city] = (summary.cities[city] || 0) + 1;
  }
  return summary;
}

async function main() {
  const records = await load(3);
  const summary = summarize(records);
  console.log(JSON.stringify(summary, null, 2));
  if (summary.total > 10000) console.log("large");
  else console.log("small");
}

await main();
