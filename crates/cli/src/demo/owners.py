# Whose log files of more than 10 MB take up the most room?
from collections import defaultdict

room = defaultdict(lambda: [0, 0])
page = 0
while page is not None:
    answer = tools.demo.list_files(page=page)
    for file in answer["files"]:
        if file["kind"] == "log" and file["size_bytes"] > 10_000_000:
            room[file["owner"]][0] += 1
            room[file["owner"]][1] += file["size_bytes"]
    page = answer["next_page"]

most = sorted(room.items(), key=lambda entry: -entry[1][1])[:5]
[{"owner": o, "files": n, "bytes": b} for o, (n, b) in most]
