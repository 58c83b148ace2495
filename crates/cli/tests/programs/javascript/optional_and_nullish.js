const config = {
  retries: 0,
  name: "",
  nested: { list: [1, 2] },
  run() {
    return "ran";
  },
};
console.log(
  config.retries || 3,
  config.retries ?? 3,
  config.name || "anon",
  config.missing?.deep.er,
);
console.log(
  config.nested?.list?.[1],
  config.run?.(),
  config.stop?.(),
  config.nested.list?.length,
);
config.timeout ??= 30;
config.retries ||= 5;
config.name &&= "never";
console.log(
  config.timeout,
  config.retries,
  JSON.stringify(config.name),
  typeof undeclared,
  void 0,
);
const { nested: { list: [first, second = 9, third = 9] = [] } = {} } = config;
console.log(
  first,
  second,
  third,
  [] + [],
  [] == false,
  null == 0,
  "b" + "a" + +"a" + "a",
);
