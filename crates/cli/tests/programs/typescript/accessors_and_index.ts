class Temperature {
  #celsius = 0;
  static #made = 0;
  declare readonly tag: string;
  [key: `extra${string}`]: unknown;
  constructor(celsius?: number) {
    if (celsius !== undefined) this.#celsius = celsius;
    Temperature.#made += 1;
  }
  get fahrenheit(): number {
    return this.#celsius * 1.8 + 32;
  }
  set fahrenheit(value: number) {
    this.#celsius = (value - 32) / 1.8;
  }
  static get made(): number {
    return Temperature.#made;
  }
}
const t = new Temperature(100);
t.fahrenheit = 50;
t["extraNote"] = "cold";
console.log(t.fahrenheit, t.extraNote, Temperature.made, "tag" in t);
