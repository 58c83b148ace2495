const records = Array.from({ length: 3 }, (_, i) => ({
  id: i,
  name: `Record number ${i}`,
  email: `user${i}@example.org`,
  address: { city: "Graz", zip: "8010" },
}));
console.log(records);
console.log(records[0]);
console.log(new Map(records.map((r) => [r.id, r.name])));
