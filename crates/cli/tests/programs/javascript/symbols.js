const id = Symbol("id");
const record = {
  [id]: 5,
  name: "r",
  [Symbol.toPrimitive]: (hint) => (hint === "number" ? 42 : `<${hint}>`),
};
console.log(
  +record,
  `${record}`,
  record + "",
  Object.keys(record),
  id.toString(),
  id.description,
);
console.log(
  Symbol.for("a") === Symbol.for("a"),
  Symbol("a") === Symbol("a"),
  JSON.stringify(record),
);
class Range {
  constructor(from, to) {
    Object.assign(this, { from, to });
  }
  *[Symbol.iterator]() {
    for (let n = this.from; n <= this.to; n++) yield n;
  }
  get [Symbol.toStringTag]() {
    return "Range";
  }
  static [Symbol.hasInstance](value) {
    return "from" in value;
  }
}
console.log(
  [...new Range(1, 4)],
  String(new Range(0, 1)),
  { from: 1 } instanceof Range,
);
console.log(
  Math.max(...new Range(3, 9)),
  Object.getOwnPropertySymbols(record).length,
);
