#!/usr/bin/env python3
"""What search is measured against: baseline.py substring | fts5, in the protocol of the scorer.

Both read the pool named by TOOLSEARCH_CORPUS and answer one job a line. `substring` counts the words of
the query that occur anywhere in a tool; `fts5` asks SQLite's full-text index, with the columns weighed
as a tool's name, description, server and parameters would be by hand.
"""
import json
import os
import re
import sqlite3
import sys
import time


def texts(tool):
    properties = tool["input_schema"].get("properties")
    properties = properties if isinstance(properties, dict) else {}
    described = [p.get("description", "") for p in properties.values() if isinstance(p, dict)]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./]", " ", tool["name"])
    server = " ".join(filter(None, (tool["server"], tool["server_title"], tool["server_description"])))
    parameters = " ".join([*map(str, properties), *(d for d in described if isinstance(d, str))])
    return name, tool["description"], server, parameters


def words(query):
    return list(dict.fromkeys(re.findall(r"\w+", query.lower())))[:64]


def substring(tools):
    whole = [(tool["id"], " ".join(texts(tool)).lower()) for tool in tools]

    def rank(query):
        wanted = words(query)
        scored = ((sum(word in text for word in wanted), id) for id, text in whole)
        return [id for score, id in sorted(scored, key=lambda one: (-one[0], one[1]))[:20] if score]

    return rank


def fts5(tools):
    db = sqlite3.connect(":memory:")
    db.execute("create virtual table tool using fts5(id unindexed, name, description, server, parameters, "
               "tokenize='porter unicode61 remove_diacritics 2')")
    db.executemany("insert into tool values (?, ?, ?, ?, ?)", ((tool["id"], *texts(tool)) for tool in tools))

    def rank(query):
        wanted = " OR ".join(f'"{word}"' for word in words(query))
        if not wanted:
            return []
        found = db.execute("select id from tool where tool match ? "
                           "order by bm25(tool, 0, 4.0, 1.5, 0.7, 0.4), id limit 20", (wanted,))
        return [id for (id,) in found]

    return rank


def main():
    make = {"substring": substring, "fts5": fts5}[sys.argv[1]]
    with open(os.environ["TOOLSEARCH_CORPUS"], encoding="utf-8") as corpus:
        rank = make([json.loads(line) for line in corpus])
    for line in sys.stdin:
        job = json.loads(line)
        begun = time.perf_counter()
        ranked = rank(job["query"])
        ms = (time.perf_counter() - begun) * 1e3
        print(json.dumps({"query_id": job["query_id"], "pool": job["pool"], "ranked": ranked, "ms": ms}), flush=True)


main()
