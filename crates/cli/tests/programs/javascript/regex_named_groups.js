const text = "Due 2024-02-29 or 2023-11-05; paid €1,250.50 and €80";
const date = /(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)/g;
console.log(text.replace(date, "$<day>.$<month>.$<year>"));
console.log([...text.matchAll(date)].map((m) => [m.index, m.groups.month]));
console.log(
  text.match(/€([\d,.]+\d)/g),
  "aBc".replace(/b/i, (m) => m.toUpperCase() + "!"),
);
console.log(
  "a1b22".split(/(\d+)/),
  /(?<=€)\d+$/.exec(text)?.[0],
  /^\p{Lu}/u.test("Éa"),
);
const sticky = /\w/y;
sticky.lastIndex = 3;
console.log(
  sticky.test("ab cd"),
  sticky.lastIndex,
  "x-y_z".replaceAll(/[-_]/g, " "),
);
console.log(
  "2020".replace(/(\d)(\d)/, "$2$1$$&"),
  /a.c/s.test("a\nc"),
  /(a)|(b)/.exec("b"),
);
