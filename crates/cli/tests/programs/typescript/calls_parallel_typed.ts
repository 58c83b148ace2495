const texts = ["a", "b", "c"] as const;
const echoed: string[] = await Promise.all(
  texts.map((text): Promise<string> => tools.fake.echo({ text })),
);
const [first, { sum }]: [string, { sum: number }] = await Promise.all([
  tools.fake.echo({ text: "first" }),
  tools.fake.add({ a: 1.5, b: 2 }),
]);
console.log(echoed, first, sum);
