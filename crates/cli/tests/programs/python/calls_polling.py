import time
from datetime import datetime, timedelta

deadline = time.monotonic() + 20
states = ["queued", "running", "running", "done"]
polls = 0
while time.monotonic() < deadline:
    state = tools.fake.echo(text=states[polls])
    polls += 1
    print(f"poll {polls}: {state}")
    if state == "done":
        break
    time.sleep(0.002)
else:
    print("timed out")
started = datetime(2024, 1, 1)
print((started + timedelta(seconds=polls)).isoformat())
