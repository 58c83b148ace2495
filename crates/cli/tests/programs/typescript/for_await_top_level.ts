async function* ticks(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}
for await (const n of ticks(3)) console.log("tick", n);
