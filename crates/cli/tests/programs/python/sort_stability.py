records = [("b", 2), ("a", 2), ("c", 1), ("d", 1), ("a", 1)]
print(sorted(records, key=lambda r: r[1]))
print(sorted(records, key=lambda r: (-r[1], r[0])))
print(sorted(["Banana", "apple", "cherry", "äpfel"], key=str.casefold))
print(sorted([3, 1, 2], reverse=True), max(records, key=lambda r: r[1]))
