const jobs = ["a", "b", "c", "d"].map((text, i) =>
  i % 2
    ? tools.fake.fail({ message: `no ${text}` })
    : tools.fake.echo({ text }),
);
const outcomes = await Promise.allSettled(jobs);
for (const outcome of outcomes) {
  if (outcome.status === "fulfilled") console.log("ok", outcome.value);
  else console.log("failed", outcome.reason.message);
}
const failures = outcomes.filter((o) => o.status === "rejected");
console.log(
  failures.length,
  failures.every((o) => o.reason instanceof ToolError),
);
const first = await Promise.any([
  tools.fake.fail({ message: "x" }),
  tools.fake.echo({ text: "y" }),
]);
console.log(first);
