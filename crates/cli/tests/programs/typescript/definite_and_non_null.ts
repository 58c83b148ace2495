class Lazy<T> {
  private value!: T;
  private ready = false;
  constructor(private readonly make: () => T) {}
  get(): T {
    if (!this.ready) {
      this.value = this.make();
      this.ready = true;
    }
    return this.value;
  }
}
let calls = 0;
const lazy = new Lazy(() => ++calls);
console.log(lazy.get(), lazy.get(), calls);
let later!: string;
const assign = () => {
  later = "set";
};
assign();
console.log(
  later!.length,
  (<any>later).toUpperCase(),
  [1, 2].find((n) => n > 1)!.toFixed(1),
);
