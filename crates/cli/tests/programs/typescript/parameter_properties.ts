class Account {
  static next = 1;
  readonly id: number = Account.next++;
  private log: string[] = [];
  constructor(
    public owner: string,
    protected balance: number = 0,
    private readonly limit?: number,
  ) {
    this.log.push(`opened by ${owner}`);
  }
  deposit(amount: number): this {
    this.balance += amount;
    this.log.push(`+${amount}`);
    return this;
  }
  get history(): readonly string[] {
    return this.log;
  }
  get info() {
    return { id: this.id, balance: this.balance, limit: this.limit ?? null };
  }
}
class Savings extends Account {
  constructor(
    owner: string,
    private rate: number,
  ) {
    super(owner, 100);
  }
  accrue(): number {
    return (this.balance *= 1 + this.rate);
  }
}
const account = new Account("ann").deposit(5).deposit(10);
console.log(account.info, account.history);
const savings = new Savings("bob", 0.1);
console.log(savings.accrue().toFixed(2), savings.id, Object.keys(savings));
