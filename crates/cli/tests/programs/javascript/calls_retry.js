const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function retry(fn, { tries = 3, delay = 1 } = {}) {
  let last;
  for (let attempt = 1; attempt <= tries; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      last = error;
      console.log(`attempt ${attempt} failed: ${error.message}`);
      await sleep(delay * 2 ** attempt);
    }
  }
  throw last;
}
console.log(
  await retry(async (n) =>
    n < 3
      ? tools.fake.fail({ message: "busy" })
      : tools.fake.echo({ text: "through" }),
  ),
);
await retry(() => tools.fake.fail({ message: "never" }), { tries: 2 }).catch(
  (e) => console.log("gave up:", e.message),
);
