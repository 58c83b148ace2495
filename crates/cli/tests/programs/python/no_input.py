try:
    name = input("Name: ")
except EOFError:
    name = "nobody"
print(f"\nHello {name}")
