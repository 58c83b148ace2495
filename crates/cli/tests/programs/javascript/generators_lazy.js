function* naturals(n = 1) {
  while (true) yield n++;
}
const map = (f) =>
  function* (items) {
    for (const item of items) yield f(item);
  };
const filter = (p) =>
  function* (items) {
    for (const item of items) if (p(item)) yield item;
  };
const take = (n) =>
  function* (items) {
    if (n <= 0) return;
    let i = 0;
    for (const item of items) {
      yield item;
      if (++i >= n) return;
    }
  };
const pipe = (source, ...steps) =>
  steps.reduce((items, step) => step(items), source);
console.log([
  ...pipe(
    naturals(),
    filter((n) => n % 3 === 0),
    map((n) => n * n),
    take(5),
  ),
]);

function* conversation() {
  try {
    const name = yield "name?";
    const age = yield `age of ${name}?`;
    return { name, age };
  } finally {
    console.log("over");
  }
}
const talk = conversation();
console.log(
  talk.next().value,
  talk.next("Ann").value,
  JSON.stringify(talk.next(37)),
);
const other = conversation();
other.next();
console.log(JSON.stringify(other.return("stopped")));

function* tree(node) {
  if (!node) return;
  yield* tree(node.left);
  yield node.value;
  yield* tree(node.right);
}
console.log(
  Array.from(
    tree({ value: 2, left: { value: 1 }, right: { value: 3 } }),
  ).join(),
);
