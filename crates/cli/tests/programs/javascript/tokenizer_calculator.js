const rules = [
  ["number", /\d+(?:\.\d+)?/y],
  ["name", /[a-z]\w*/iy],
  ["op", /[-+*/^(),]/y],
  ["space", /\s+/y],
];
function tokenize(source) {
  const tokens = [];
  for (let at = 0; at < source.length;) {
    const rule = rules.find(([, re]) => {
      re.lastIndex = at;
      return re.test(source);
    });
    if (!rule) throw new SyntaxError(`unexpected ${source[at]} at ${at}`);
    const text = source.slice(at, rule[1].lastIndex);
    at = rule[1].lastIndex;
    if (rule[0] !== "space") tokens.push({ kind: rule[0], text });
  }
  return tokens;
}
const power = { "+": 1, "-": 1, "*": 2, "/": 2, "^": 3 };
const apply = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "^": Math.pow,
};
const functions = { max: Math.max, sqrt: Math.sqrt };
function evaluate(source) {
  const tokens = tokenize(source);
  const peek = () => tokens[0]?.text;
  const expression = (least = 1) => {
    let left = atom();
    while (power[peek()] >= least) {
      const { text } = tokens.shift();
      left = apply[text](
        left,
        expression(text === "^" ? power[text] : power[text] + 1),
      );
    }
    return left;
  };
  const atom = () => {
    const token = tokens.shift();
    if (token.text === "-") return -atom();
    if (token.text === "(") {
      const value = expression();
      tokens.shift();
      return value;
    }
    if (token.kind === "name") {
      tokens.shift();
      const args = [expression()];
      while (peek() === ",") {
        tokens.shift();
        args.push(expression());
      }
      tokens.shift();
      return functions[token.text](...args);
    }
    return Number(token.text);
  };
  return expression();
}
for (const source of [
  "1 + 2 * 3",
  "(1+2)*3",
  "2^3^2",
  "max(1, sqrt(16), 3) / 2",
  "-2 * -3",
]) {
  console.log(source, "=", evaluate(source));
}
try {
  evaluate("1 $ 2");
} catch (error) {
  console.log(error.name, error.message);
}
