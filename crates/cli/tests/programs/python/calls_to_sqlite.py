import sqlite3

db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE r (id INTEGER, name TEXT, city TEXT, amount INTEGER, active INTEGER)")
page = 0
while page is not None:
    answer = tools.fake.list_records(page=page, size=333)
    db.executemany("INSERT INTO r VALUES (:id, :name, :city, :amount, :active)", answer["records"])
    page = answer["next_page"]
query = """
    SELECT city, COUNT(*), SUM(amount), ROUND(AVG(amount), 1)
    FROM r WHERE active GROUP BY city HAVING COUNT(*) > 10 ORDER BY 3 DESC
"""
for row in db.execute(query):
    print(*row, sep="\t")
print(db.execute("SELECT name FROM r ORDER BY amount DESC, id LIMIT 3").fetchall())
