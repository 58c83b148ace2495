from decimal import ROUND_HALF_UP, Decimal, getcontext

getcontext().prec = 28
lines = [("Consulting", "12.5", "95.00"), ("Hosting", "1", "49.99"), ("Domain", "3", "11.115")]
cent = Decimal("0.01")
subtotal = Decimal(0)
for name, quantity, price in lines:
    amount = (Decimal(quantity) * Decimal(price)).quantize(cent, ROUND_HALF_UP)
    subtotal += amount
    print(f"{name:.<20}{amount:.>12,}")
tax = (subtotal * Decimal("0.19")).quantize(cent, ROUND_HALF_UP)
print(f"{'Tax 19%':.<20}{tax:.>12,}")
print(f"{'Total':.<20}{subtotal + tax:.>12,}")
print(Decimal(1) / Decimal(7), Decimal("0.1") + Decimal("0.2") == Decimal("0.3"))
