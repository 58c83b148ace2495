type Pair<A, B = A> = readonly [first: A, second: B];
const swap = <A, B>([a, b]: Pair<A, B>): Pair<B, A> => [b, a];
function log(
  level: string,
  ...parts: [message: string, ...rest: number[]]
): string {
  const [message, ...numbers] = parts;
  return `${level}: ${message} ${numbers.join("+")}`;
}
function apply<Args extends unknown[], R>(
  fn: (...args: Args) => R,
  ...args: Args
): R {
  return fn(...args);
}
console.log(swap([1, "x"]), log("info", "sum", 1, 2), apply(Math.max, 3, 9, 4));
let optional: [number, string?] = [1];
console.log(optional.length, optional[1]?.length);
