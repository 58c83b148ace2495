async function retry<T>(
  work: (attempt: number) => Promise<T>,
  tries = 3,
): Promise<T> {
  let last: unknown;
  for (let n = 1; n <= tries; n++) {
    try {
      return await work(n);
    } catch (error) {
      last = error;
      console.log(`attempt ${n}: ${(error as Error).message}`);
    }
  }
  throw last;
}
const value = await retry<string>((n) =>
  n < 2
    ? tools.fake.fail({ message: "busy" })
    : tools.fake.echo({ text: `ok ${n}` }),
);
console.log(value);
