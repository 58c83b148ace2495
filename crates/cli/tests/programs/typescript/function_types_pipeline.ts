type Fn<A, B> = (a: A) => B;
function pipe<A, B>(f: Fn<A, B>): Fn<A, B>;
function pipe<A, B, C>(f: Fn<A, B>, g: Fn<B, C>): Fn<A, C>;
function pipe<A, B, C, D>(f: Fn<A, B>, g: Fn<B, C>, h: Fn<C, D>): Fn<A, D>;
function pipe(...fns: Fn<any, any>[]): Fn<any, any> {
  return (x) => fns.reduce((v, f) => f(v), x);
}
const slug = pipe(
  (s: string) => s.toLowerCase(),
  (s) => s.split(/\W+/),
  (words) => words.filter(Boolean).join("-"),
);
console.log(slug("Hello, big World!"));
function bind(this: { n: number }, by: number): number {
  return this.n * by;
}
console.log(bind.call({ n: 6 }, 7));
const debounced: Array<(this: void) => number> = [1, 2].map((n) => () => n);
console.log(debounced.map((f) => f()));
