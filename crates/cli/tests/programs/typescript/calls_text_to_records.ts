interface Pull {
  number: number;
  state: "open" | "merged";
  author: string;
}
const text: string = await tools.fake.echo({
  text: "#12 open ann\n#15 merged bob\n#16 open ann",
});
const pulls = text.split("\n").map((line): Pull => {
  const m = /^#(?<number>\d+) (?<state>open|merged) (?<author>\w+)$/.exec(
    line,
  )!;
  return { ...(m.groups as unknown as Pull), number: +m.groups!.number };
});
console.log(
  pulls.filter((p) => p.state === "open").map((p) => p.number),
  pulls[1],
);
