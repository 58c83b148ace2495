const answer = async (ask) => {
  try {
    const value = await ask();
    const text = JSON.stringify(value, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
    return text === undefined ? String(value) : text;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const answers = [];
for (const ask of [
EXPRESSIONS
]) answers.push(await answer(ask));
return answers;
