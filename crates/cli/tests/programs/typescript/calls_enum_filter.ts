enum Size {
  Small = "small",
  Large = "large",
}
class Account {
  readonly size: Size;
  constructor(
    public readonly id: number,
    public readonly amount: number,
  ) {
    this.size = amount >= 500 ? Size.Large : Size.Small;
  }
  static from({ id, amount }: { id: number; amount: number }): Account {
    return new Account(id, amount);
  }
}
const { records } = await tools.fake.big_json({ records: 100 });
const accounts: Account[] = records.map(Account.from);
for (const size of Object.values(Size)) {
  const group = accounts.filter((a) => a.size === size);
  console.log(size, group.length, Math.min(...group.map((a) => a.amount)));
}
