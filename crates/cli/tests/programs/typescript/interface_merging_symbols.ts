interface Box {
  width: number;
}
interface Box {
  height: number;
  [Symbol.toPrimitive]?(hint: string): number | string;
}
const box: Box = {
  width: 2,
  height: 3,
  [Symbol.toPrimitive](hint) {
    return hint === "number" ? this.width * this.height : "box";
  },
};
console.log(+box, `${box}`);
const unique: unique symbol = Symbol("unique");
class Holder {
  [unique] = 1;
  static readonly [Symbol.species] = Array;
  declare ghost: string;
  optional?: number;
}
const holder = new Holder();
console.log(
  holder[unique],
  "ghost" in holder,
  "optional" in holder,
  Object.keys(holder),
);
