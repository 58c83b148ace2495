const entries = { alpha: 1, beta: 22, gamma: 333 };
for (const [key, value] of Object.entries(entries)) {
  await tools.fake.write({ key, value: String(value) });
}
const { writes } = await tools.fake.read_log();
console.log(writes);
console.log(
  Object.fromEntries(writes.map(({ key, value }) => [key, Number(value)])),
);
console.log(
  await tools.fake.erase(),
  (await tools.fake.read_log()).writes.length,
);
