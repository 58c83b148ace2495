const names = ["echo", "add"];
const args = { echo: { text: "dyn" }, add: { a: 1, b: 41 } };
for (const name of names) {
  const answer = await tools.fake[name](args[name]);
  console.log(name, JSON.stringify(answer));
}
const { echo, add: plus } = tools.fake;
console.log(
  await echo({ text: "destructured" }),
  (await plus({ a: 1, b: 1 })).sum,
);
const call = async (name, arguments_) =>
  (await tools.fake[name](arguments_))?.sum ?? "none";
console.log(
  await call("add", { a: 2, b: 2 }),
  await call("echo", { text: "x" }),
);
