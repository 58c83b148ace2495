class InsufficientFunds extends Error {
  constructor(balance, amount) {
    super(`balance ${balance} is less than ${amount}`);
    this.name = "InsufficientFunds";
    this.shortfall = amount - balance;
  }
}

class Account {
  #balance = 0;
  #history = [];
  static #count = 0;
  static get count() {
    return Account.#count;
  }

  constructor(owner) {
    this.owner = owner;
    Account.#count++;
  }

  get balance() {
    return this.#balance;
  }
  set balance(_) {
    throw new TypeError("balance is read-only");
  }

  deposit(amount) {
    this.#balance += amount;
    this.#note("deposit", amount);
    return this;
  }

  withdraw(amount) {
    if (amount > this.#balance)
      throw new InsufficientFunds(this.#balance, amount);
    this.#balance -= amount;
    this.#note("withdraw", amount);
    return this;
  }

  #note(kind, amount) {
    this.#history.push({ kind, amount });
  }
  *[Symbol.iterator]() {
    yield* this.#history;
  }
  static is(value) {
    return #balance in value;
  }
}

const account = new Account("ann").deposit(100).withdraw(30);
try {
  account.withdraw(500);
} catch (error) {
  console.log(
    error.name,
    error.message,
    error.shortfall,
    error instanceof Error,
  );
}
try {
  account.balance = 5;
} catch (error) {
  console.log(`${error}`);
}
console.log(
  account.balance,
  [...account].length,
  Account.count,
  Account.is(account),
  Account.is({}),
);
for (const { kind, amount } of account) console.log(kind, amount);
