rows = [("alpha", 1), ("beta", 22), ("gamma", 333)]
for key, value in rows:
    assert tools.fake.write(key=key, value=str(value)) == "written"
log = tools.fake.read_log()["writes"]
print(log)
print({entry["key"]: int(entry["value"]) for entry in log})
tools.fake.erase()
print(len(tools.fake.read_log()["writes"]))
