import calendar
import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

print(calendar.month(2024, 2))
print(calendar.monthrange(2023, 2), calendar.isleap(2000), calendar.day_name[0])
instant = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)
for zone in ("Europe/Berlin", "America/New_York", "Asia/Kolkata"):
    local = instant.astimezone(ZoneInfo(zone))
    print(local.isoformat(), local.tzname(), local.utcoffset())
print(datetime(2024, 3, 31, 3, tzinfo=ZoneInfo("Europe/Berlin")) - datetime(2024, 3, 31, 1, tzinfo=ZoneInfo("Europe/Berlin")))
print(time.strftime("%Y-%m-%d", time.gmtime(86400 * 365)), time.gmtime(0).tm_year)
