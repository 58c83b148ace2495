import sqlite3

db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE t (n INTEGER)")
db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
print(db.execute("SELECT SUM(n) FROM t").fetchone()[0])
db.execute("DROP TABLE t")
