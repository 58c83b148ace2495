type Currency = "EUR" | "USD";
class Money<C extends Currency> {
  private constructor(
    readonly cents: bigint,
    readonly currency: C,
  ) {}
  static of<C extends Currency>(amount: string, currency: C): Money<C> {
    const [whole, part = ""] = amount.split(".");
    return new Money(
      BigInt(whole! + part.padEnd(2, "0").slice(0, 2)),
      currency,
    );
  }
  plus(other: Money<C>): Money<C> {
    return new Money(this.cents + other.cents, this.currency);
  }
  times(n: number): Money<C> {
    return new Money(
      (this.cents * BigInt(Math.round(n * 1000)) + 500n) / 1000n,
      this.currency,
    );
  }
  split(n: number): Money<C>[] {
    const each = this.cents / BigInt(n),
      rest = Number(this.cents % BigInt(n));
    return Array.from(
      { length: n },
      (_, i) => new Money(each + (i < rest ? 1n : 0n), this.currency),
    );
  }
  toString(): string {
    return `${this.cents / 100n}.${String(this.cents % 100n).padStart(2, "0")} ${this.currency}`;
  }
}
const price = Money.of("19.99", "EUR");
console.log(
  `${price.plus(Money.of("0.01", "EUR"))}`,
  `${price.times(1.19)}`,
  price.split(3).map(String),
);
