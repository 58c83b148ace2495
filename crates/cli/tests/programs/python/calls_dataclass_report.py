from dataclasses import dataclass, field
from enum import Enum


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Account:
    id: int
    name: str
    city: str
    amount: int
    active: bool
    size: Size = field(init=False)

    def __post_init__(self):
        self.size = Size.LARGE if self.amount >= 500 else Size.SMALL


class Report:
    def __init__(self, accounts):
        self.accounts = accounts

    def by(self, key):
        groups = {}
        for account in self.accounts:
            groups.setdefault(key(account), []).append(account)
        return groups

    def show(self):
        for size, accounts in self.by(lambda a: a.size).items():
            print(size.name, len(accounts), min(a.amount for a in accounts))
        for city, accounts in sorted(self.by(lambda a: a.city).items()):
            print(f"  {city:8}{sum(a.amount for a in accounts):>8,}")


records = tools.fake.big_json(records=120)["records"]
report = Report([Account(**record) for record in records])
report.show()
print(report.accounts[7])
