import dataclasses
import datetime as dt
import operator
from collections import defaultdict


@dataclasses.dataclass
class Transaction:
    when: dt.date
    account: str
    amount: int
    memo: str = ""


class InsufficientFunds(Exception):
    pass


class Bank:
    def __init__(self):
        self.balances = defaultdict(int)
        self.journal = []

    def post(self, *transactions):
        changed = defaultdict(int)
        for t in transactions:
            changed[t.account] += t.amount
        for account, change in changed.items():
            if self.balances[account] + change < 0:
                raise InsufficientFunds(f"{account}: {self.balances[account]} + {change}")
        for t in transactions:
            self.balances[t.account] += t.amount
            self.journal.append(t)

    def statement(self, account):
        balance = 0
        for t in sorted((t for t in self.journal if t.account == account), key=operator.attrgetter("when")):
            balance += t.amount
            yield f"{t.when:%d %b %Y} {t.memo:<10} {t.amount:>+7} {balance:>7}"


bank = Bank()
bank.post(Transaction(dt.date(2024, 1, 5), "ann", 500, "salary"))
bank.post(Transaction(dt.date(2024, 1, 3), "bob", 100, "gift"))
try:
    bank.post(
        Transaction(dt.date(2024, 1, 6), "bob", -300, "transfer"),
        Transaction(dt.date(2024, 1, 6), "ann", 300, "transfer"),
    )
except InsufficientFunds as error:
    print("refused:", error)
bank.post(Transaction(dt.date(2024, 1, 4), "ann", -120, "rent"))
print("\n".join(bank.statement("ann")))
print(dict(bank.balances))
