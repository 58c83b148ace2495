const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function* ticker(count) {
  for (let i = 0; i < count; i++) {
    await sleep(1);
    yield i;
  }
}

class Pages {
  constructor(pages) {
    this.pages = pages;
  }
  [Symbol.asyncIterator]() {
    let i = 0;
    const { pages } = this;
    return {
      async next() {
        await sleep(0);
        return i < pages.length
          ? { value: pages[i++], done: false }
          : { value: undefined, done: true };
      },
      async return() {
        console.log("closed early");
        return { done: true };
      },
    };
  }
}

for await (const n of ticker(3)) console.log("tick", n);
for await (const page of new Pages([["a"], ["b", "c"], ["d"]])) {
  console.log(page.join("+"));
  if (page.includes("c")) break;
}
for await (const value of [Promise.resolve(1), 2]) console.log(value);
