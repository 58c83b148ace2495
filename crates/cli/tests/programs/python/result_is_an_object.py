import re
from datetime import datetime

line = "2024-05-01T10:00:00 GET /index.html 200"
result = re.match(r"(\S+) (\w+) (\S+) (\d+)", line)
if result:
    when = datetime.fromisoformat(result.group(1))
    print(when.hour, result.group(2), int(result.group(4)) == 200)
for number, part in enumerate(result.groups()):
    print(number, part)
