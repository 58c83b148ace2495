async function pool(items, limit, work) {
  const results = new Array(items.length);
  let next = 0;
  let running = 0,
    most = 0;
  await Promise.all(
    Array.from({ length: limit }, async () => {
      while (next < items.length) {
        const i = next++;
        running++;
        most = Math.max(most, running);
        results[i] = await work(items[i], i);
        running--;
      }
    }),
  );
  return { results, most };
}
const { results, most } = await pool([...Array(25).keys()], 5, async (n) => {
  const { sum } = await tools.fake.add({ a: n, b: n });
  return sum;
});
console.log(results.join(" "), most);
