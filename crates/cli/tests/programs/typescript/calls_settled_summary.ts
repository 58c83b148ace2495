const jobs: Promise<unknown>[] = Array.from({ length: 6 }, (_, i) =>
  i % 3 === 2
    ? tools.fake.fail({ message: `job ${i}` })
    : tools.fake.add({ a: i, b: i }),
);
const settled = await Promise.allSettled(jobs);
const ok = settled.filter(
  (s): s is PromiseFulfilledResult<{ sum: number }> => s.status === "fulfilled",
);
const bad = settled.filter(
  (s): s is PromiseRejectedResult => s.status === "rejected",
);
console.log(
  ok.map((s) => s.value.sum),
  bad.map((s) => (s.reason as Error).message),
);
