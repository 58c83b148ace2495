const pages = await Promise.all(
  [0, 1, 2, 3].map((page) => tools.fake.list_records({ page, size: 250 })),
);
const records = pages.flatMap((p) => p.records);
console.log(
  records.length,
  records.reduce((sum, r) => sum + r.amount, 0),
);
const sums = await Promise.all(
  records.slice(0, 5).map(async (r) => {
    const { sum } = await tools.fake.add({ a: r.id, b: r.amount });
    return sum;
  }),
);
console.log(sums);
