async function* ticks(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    yield n;
  }
}
async function main(): Promise<void> {
  const seen: number[] = [];
  for await (const n of ticks(5)) {
    if (n === 3) break;
    seen.push(n);
  }
  console.log(seen);
}
await main();
