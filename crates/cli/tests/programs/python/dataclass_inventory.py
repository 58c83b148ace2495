from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Optional


@dataclass(order=True, frozen=True)
class Item:
    sku: str
    name: str = field(compare=False)
    quantity: int = field(default=0, compare=False)
    tags: tuple[str, ...] = field(default_factory=tuple, compare=False)
    supplier: Optional[str] = None

    @property
    def in_stock(self) -> bool:
        return self.quantity > 0


@dataclass
class Inventory:
    items: dict[str, Item] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        if item.sku in self.items:
            known = self.items[item.sku]
            item = replace(known, quantity=known.quantity + item.quantity)
        self.items[item.sku] = item

    def __len__(self) -> int:
        return len(self.items)


inventory = Inventory()
inventory.add(Item("B-2", "bolt", 100, ("metal",)))
inventory.add(Item("A-1", "anchor"))
inventory.add(Item("B-2", "bolt", 50))
print(len(inventory))
for item in sorted(inventory.items.values()):
    print(item, item.in_stock)
print(asdict(inventory.items["B-2"]))
try:
    inventory.items["A-1"].quantity = 3
except AttributeError as error:
    print(type(error).__name__, error)
