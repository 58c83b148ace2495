const temperature = {
  celsius: 20,
  get fahrenheit() {
    return this.celsius * 1.8 + 32;
  },
  set fahrenheit(f) {
    this.celsius = (f - 32) / 1.8;
  },
};
temperature.fahrenheit = 212;
console.log(
  temperature.celsius,
  temperature.fahrenheit,
  Object.keys(temperature),
);
const frozen = Object.freeze({ a: 1, inner: { b: 2 } });
try {
  frozen.a = 2;
} catch (error) {
  console.log(error.name);
}
frozen.inner.b = 3;
console.log(frozen.a, frozen.inner.b, Object.isFrozen(frozen));
const object = Object.defineProperty({}, "hidden", {
  value: 1,
  enumerable: false,
});
console.log(
  Object.keys(object),
  object.hidden,
  "hidden" in object,
  Object.hasOwn(object, "hidden"),
);
console.log(
  Object.getOwnPropertyDescriptor(temperature, "fahrenheit").set !== undefined,
);
const merged = Object.assign({}, { a: 1 }, null, { b: 2 });
console.log(merged, delete merged.a, merged, merged?.c?.d ?? "default");
