def attempt(call, **arguments):
    try:
        return "ok", call(**arguments)
    except ToolError as error:
        return "failed", str(error)


print(attempt(tools.fake.echo, text="fine"))
print(attempt(tools.fake.fail, message="quota exceeded"))
errors = []
for n in range(4):
    try:
        if n % 2:
            tools.fake.fail(message=f"item {n}")
        else:
            print(tools.fake.echo(text=f"item {n}"))
    except ToolError as error:
        errors.append((error.tool, error.code, error.retryable))
    finally:
        print("handled", n)
print(errors)
