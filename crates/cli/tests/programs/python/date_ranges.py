from datetime import date, datetime, timedelta, timezone

start = date(2024, 2, 26)
days = [start + timedelta(days=n) for n in range(6)]
for day in days:
    print(day.isoformat(), day.strftime("%a"), day.isocalendar().week, day.timetuple().tm_yday)

meeting = datetime(2024, 3, 10, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
print(meeting.isoformat())
print(meeting.astimezone(timezone.utc).isoformat())
print(int(meeting.timestamp()))
delta = datetime(2024, 12, 25) - datetime(2024, 3, 10, 12)
print(delta, delta.days, delta.total_seconds())
print(datetime.strptime("31/12/1999 23:59", "%d/%m/%Y %H:%M") + timedelta(minutes=1))
