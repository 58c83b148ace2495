import sqlite3

db = sqlite3.connect(":memory:")
db.row_factory = sqlite3.Row
db.executescript("""
    CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE book (title TEXT, year INTEGER, author_id INTEGER REFERENCES author(id));
""")
db.executemany("INSERT INTO author VALUES (?, ?)", [(1, "Le Guin"), (2, "Lem"), (3, "Nobody")])
db.executemany(
    "INSERT INTO book VALUES (?, ?, ?)",
    [("The Dispossessed", 1974, 1), ("Solaris", 1961, 2), ("The Lathe of Heaven", 1971, 1)],
)
query = """
    SELECT name, COUNT(title) AS books, MIN(year) AS first
    FROM author LEFT JOIN book ON author.id = author_id
    GROUP BY author.id ORDER BY books DESC, name
"""
for row in db.execute(query):
    print(dict(row))
db.create_function("shout", 1, lambda text: text.upper() + "!")
print(db.execute("SELECT shout(title) FROM book ORDER BY year").fetchone()[0])
try:
    with db:
        db.execute("INSERT INTO book VALUES ('X', 2000, 2)")
        db.execute("INSERT INTO nowhere VALUES (1)")
except sqlite3.OperationalError as error:
    print(error)
print(db.execute("SELECT COUNT(*) FROM book").fetchone()[0], db.total_changes)
