"""Makes what every task begins with: world.py FOLDER.

A small company: its files (tree/), a git repository (repository/), a shop's database (shop.db) and
what is remembered of its people and services (graph.jsonl). The same bytes on every machine.
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

PEOPLE = {
    # name: (team, time zone, manager)
    "Amara Okafor": ("platform", "Africa/Lagos", None),
    "Ben Castillo": ("platform", "America/Bogota", "Amara Okafor"),
    "Chiara Fontana": ("payments", "Africa/Johannesburg", "Amara Okafor"),
    "Dimitri Volkov": ("payments", "Asia/Dubai", "Chiara Fontana"),
    "Elif Yildiz": ("payments", "Europe/Istanbul", "Chiara Fontana"),
    "Farah Haddad": ("search", "Asia/Dubai", "Amara Okafor"),
    "Gustav Lindqvist": ("search", "Africa/Nairobi", "Farah Haddad"),
    "Hana Suzuki": ("search", "Asia/Tokyo", "Farah Haddad"),
    "Ines Carvalho": ("platform", "America/Sao_Paulo", "Ben Castillo"),
    "Jonas Weber": ("platform", "Asia/Singapore", "Ben Castillo"),
    "Mei Zhang": ("payments", "Asia/Shanghai", "Dimitri Volkov"),
    "Priya Sharma": ("search", "Asia/Kolkata", "Hana Suzuki"),
}
SERVICES = {
    # name: (owner, what it calls)
    "billing": ("Chiara Fontana", ["ledger", "mailer"]),
    "checkout": ("Dimitri Volkov", ["billing", "inventory"]),
    "inventory": ("Ben Castillo", ["warehouse"]),
    "ledger": ("Elif Yildiz", []),
    "mailer": ("Ines Carvalho", []),
    "reports": ("Mei Zhang", ["ledger", "warehouse"]),
    "search": ("Hana Suzuki", ["inventory"]),
    "sessions": ("Jonas Weber", []),
    "storefront": ("Amara Okafor", ["checkout", "search", "sessions"]),
    "warehouse": ("Priya Sharma", []),
}
CITIES = ["Bergen", "Graz", "Lyon", "Porto", "Turku", "Utrecht"]
PRODUCTS = ["anvil", "bellows", "chisel", "drill", "easel", "file", "gimlet", "hammer", "inkwell", "jack",
            "kettle", "ladder", "mallet", "nails", "oilcan", "pliers", "quiver", "rasp", "saw", "trowel"]
NAMES = ["Ada", "Bruno", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo", "Iris", "Jakob", "Karin", "Leo"]
SURNAMES = ["Abbott", "Berger", "Conti", "Duarte", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanov", "Jansen"]


class Dice:
    """Only `random()` is the same in every version of Python."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def below(self, bound):
        return int(self.source.random() * bound)

    def one(self, things):
        return things[self.below(len(things))]


def email(name):
    return name.lower().replace(" ", ".") + "@office.example"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def files(tree):
    dice = Dice(1)
    for month in range(1, 7):
        rows = ["order_id,date,region,product,quantity,unit_price"]
        for number in range(200):
            rows.append(
                f"{month}{number:03},2026-{month:02}-{1 + dice.below(28):02},{dice.one(['north', 'south', 'east', 'west'])},"
                f"{dice.one(PRODUCTS)},{1 + dice.below(9)},{5 + dice.below(95)}.{dice.below(100):02}"
            )
        write(tree / f"orders/2026-{month:02}.csv", "\n".join(rows) + "\n")
    for day in range(1, 31):
        lines = []
        for number in range(120):
            level = dice.one(["INFO"] * 16 + ["WARN"] * 3 + ["ERROR"])
            service = dice.one(list(SERVICES))
            what = {
                "INFO": f"request served in {20 + dice.below(400)} ms",
                "WARN": f"retry {1 + dice.below(3)} of 3",
                "ERROR": f"timeout after {1000 * (1 + dice.below(5))} ms",
            }[level]
            minute = number * 12
            lines.append(f"2026-06-{day:02}T{minute // 60:02}:{minute % 60:02}:{dice.below(60):02}Z {level} {service} {what}")
        write(tree / f"logs/2026-06-{day:02}.log", "\n".join(lines) + "\n")
    for port, (service, (owner, calls)) in enumerate(SERVICES.items(), 8001):
        config = {
            "service": service,
            "port": port,
            "replicas": 1 + dice.below(6),
            "timeout_ms": 500 * (1 + dice.below(8)),
            "owner": email(owner),
            "calls": calls,
            "debug": service in ("mailer", "reports"),
        }
        write(tree / f"config/{service}.json", json.dumps(config, indent=2) + "\n")
        steps = "".join(f"- [{dice.one('x  ')}] step {step + 1} of {service}\n" for step in range(2 + dice.below(5)))
        page = f"# {service}\n\nOwner: {owner}\n\n{steps}\nTODO: say how {service} is restored\n" * 1
        if service in ("ledger", "search", "sessions"):
            page = page.replace("TODO: ", "")
        write(tree / f"docs/{service}.md", page)
    rows = "".join(f"{name},{email(name)},{team},{zone}\n" for name, (team, zone, _) in PEOPLE.items())
    write(tree / "team.csv", "name,email,team,timezone\n" + rows)
    meetings = [
        {"title": "Planning", "start": "09:30", "timezone": "Asia/Tokyo", "minutes": 45, "team": "search"},
        {"title": "Standup", "start": "08:15", "timezone": "Africa/Lagos", "minutes": 15, "team": "platform"},
        {"title": "Review", "start": "16:00", "timezone": "Asia/Kolkata", "minutes": 60, "team": "payments"},
        {"title": "Handover", "start": "23:45", "timezone": "America/Bogota", "minutes": 30, "team": "platform"},
    ]
    write(tree / "meetings.json", json.dumps(meetings, indent=2) + "\n")
    write(tree / "notes/todo.md", "- call the printer\n- renew the domain\n- water the plants\n")
    write(tree / "notes/release.txt", "version 4.2.1\ndate 2026-06-30\n")


def repository(folder):
    dice = Dice(2)
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    names = list(PEOPLE)
    for number in range(1, 61):
        service, author = dice.one(list(SERVICES)), dice.one(names)
        kind = dice.one(["fix", "fix", "feat", "docs", "chore"])
        source = folder / f"services/{service}.py"
        source.parent.mkdir(exist_ok=True)
        with source.open("a") as out:
            out.writelines(f"def {kind}_{number}_{line}(): pass\n" for line in range(1 + dice.below(6)))
        date = f"2026-{1 + number // 12:02}-{1 + 2 * (number % 12):02}T{dice.below(24):02}:{dice.below(60):02}:00+0000"
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"{kind}({service}): change {number}", by=author, at=date)
        if number in (20, 40):
            git(folder, "branch", f"release-{number // 20}")
    git(folder, "gc", "-q")


def git(folder, *arguments, by="Nobody", at="2026-01-01T00:00:00+0000"):
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": by, f"GIT_{role}_EMAIL": email(by), f"GIT_{role}_DATE": at}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def database(path):
    dice = Dice(3)
    shop = sqlite3.connect(path)
    shop.executescript("""
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, joined TEXT);
        CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price_cents INTEGER, stock INTEGER);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, placed_at TEXT, status TEXT);
        CREATE TABLE items (order_id INTEGER, product_id INTEGER, quantity INTEGER);
    """)
    for id in range(1, 121):
        name = f"{dice.one(NAMES)} {dice.one(SURNAMES)}"
        address = f"{name.lower().replace(' ', '.')}{id}@mail.example"
        joined = f"202{dice.below(6)}-{1 + dice.below(12):02}-{1 + dice.below(28):02}"
        shop.execute("INSERT INTO customers VALUES (?,?,?,?,?)", (id, name, address, dice.one(CITIES), joined))
    for id, product in enumerate(PRODUCTS, 1):
        shop.execute("INSERT INTO products VALUES (?,?,?,?)", (id, product, 100 * (3 + dice.below(90)), dice.below(60)))
    for id in range(1, 801):
        placed = f"2026-{1 + dice.below(6):02}-{1 + dice.below(28):02}"
        status = dice.one(["paid", "paid", "paid", "open", "refunded"])
        shop.execute("INSERT INTO orders VALUES (?,?,?,?)", (id, 1 + dice.below(120), placed, status))
        for _ in range(1 + dice.below(4)):
            shop.execute("INSERT INTO items VALUES (?,?,?)", (id, 1 + dice.below(20), 1 + dice.below(5)))
    shop.commit()
    shop.close()


def graph(path):
    lines = []
    for name, (team, zone, _) in PEOPLE.items():
        lines.append({"type": "entity", "name": name, "entityType": "person",
                      "observations": [f"works in {team}", f"lives in {zone}"]})
    for service, (_, calls) in SERVICES.items():
        lines.append({"type": "entity", "name": service, "entityType": "service",
                      "observations": [f"calls {len(calls)} services"]})
    for name, (_, _, manager) in PEOPLE.items():
        if manager:
            lines.append({"type": "relation", "from": name, "to": manager, "relationType": "reports_to"})
    for service, (owner, calls) in SERVICES.items():
        lines.append({"type": "relation", "from": owner, "to": service, "relationType": "owns"})
        lines += [{"type": "relation", "from": service, "to": called, "relationType": "calls"} for called in calls]
    path.write_text("\n".join(map(json.dumps, lines)))


def main():
    folder = Path(sys.argv[1])
    files(folder / "tree")
    repository(folder / "repository")
    database(folder / "shop.db")
    graph(folder / "graph.jsonl")


main()
