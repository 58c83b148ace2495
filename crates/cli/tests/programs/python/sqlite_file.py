import os
import sqlite3

with sqlite3.connect("shop.db") as db:
    db.execute("CREATE TABLE sale (day TEXT, amount REAL)")
    db.executemany("INSERT INTO sale VALUES (?, ?)", [("2024-01-01", 10), ("2024-01-02", 12.5)])
db.close()
print(os.path.exists("shop.db"))
db = sqlite3.connect("shop.db")
print(db.execute("SELECT SUM(amount), MAX(day) FROM sale").fetchone())
print(db.execute("SELECT day, SUM(amount) OVER (ORDER BY day) FROM sale").fetchall())
