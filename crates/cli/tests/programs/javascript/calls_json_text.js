const answer = await tools.fake.echo({
  text: '{"items":[1,2.5,"x",null,true],"nested":{"ü":"é"}}',
});
console.log(typeof answer, answer.items, answer.nested);
console.log(
  await tools.fake.echo({ text: "[1, 2" }),
  typeof (await tools.fake.echo({ text: "17" })),
);
const document = {
  n: 1e21,
  f: 0.1,
  s: '\u2028 " \\ \n',
  l: [[], {}],
  nothing: null,
};
const same = await tools.fake.structured({ value: document });
console.log(
  JSON.stringify(same) === JSON.stringify(document),
  Object.keys(same).join(),
);
