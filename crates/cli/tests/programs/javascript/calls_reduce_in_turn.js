const words = ["alpha", "beta", "gamma"];
const joined = await words.reduce(async (soFar, word) => {
  const text = await soFar;
  const echoed = await tools.fake.echo({ text: word });
  return text ? `${text}-${echoed}` : echoed;
}, Promise.resolve(""));
console.log(joined);
const lengths = {};
for (const word of words)
  lengths[word] = (await tools.fake.echo({ text: word })).length;
console.log(lengths);
