function parse(value: string): number;
function parse(value: number): string;
function parse(value: string | number): number | string {
  return typeof value === "string" ? Number(value) : String(value);
}
class Formatter {
  format(value: Date): string;
  format(value: number, digits?: number): string;
  format(value: Date | number, digits = 2): string {
    return value instanceof Date ? value.toISOString() : value.toFixed(digits);
  }
}
console.log(parse("42") + 1, parse(42) + "1");
const f = new Formatter();
console.log(f.format(3.14159), f.format(3.14159, 4), f.format(new Date(0)));
