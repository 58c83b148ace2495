const s = "  The quick brown fox  ";
console.log(
  s
    .trim()
    .split(" ")
    .map((w) => w[0].toUpperCase() + w.slice(1).toLowerCase())
    .join(""),
);
console.log(
  "abc".padStart(5, "*"),
  "abc".repeat(2),
  "abcabc".lastIndexOf("b"),
  "abc".at(-1),
  "a-b".replaceAll("-", "+"),
);
console.log(
  [..."héllo🙂"].length,
  "🙂".length,
  "🙂".codePointAt(0).toString(16),
  String.fromCodePoint(128578),
);
console.log(
  "ß".toUpperCase(),
  "é".normalize("NFD").length,
  "abc" < "abd",
  "a".localeCompare("b"),
);
console.log(
  "one,two;three".split(/[,;]/),
  "abc".substring(2, 0),
  "abc".slice(-2),
  "x".concat(1, null),
);
console.log(
  "Title Case Text".replace(/\s+(\w)/g, (_, c) => c.toUpperCase()),
  escape("a b"),
  encodeURIComponent("a b&ü"),
);
console.log(
  decodeURIComponent("%C3%BC"),
  parseInt("12px"),
  parseFloat("3.14abc"),
  Number(""),
  Number("0x1f"),
  +"1e3",
);
console.log(
  "startsWith".startsWith("start"),
  "abc".includes("bc"),
  "camelCaseString"
    .split(/(?=[A-Z])/)
    .join("_")
    .toLowerCase(),
);
