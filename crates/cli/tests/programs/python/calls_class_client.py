class Client:
    """A thin layer over the tools, as people like to write it."""

    def __init__(self, server):
        self.server = server
        self.count = 0

    def __getattr__(self, name):
        tool = getattr(self.server, name)

        def call(**arguments):
            self.count += 1
            return tool(**arguments)

        return call


client = Client(tools.fake)
print(client.add(a=2, b=3)["sum"])
print(client.echo(text="hello"))
print([client.add(a=n, b=n)["sum"] for n in range(4)])
print({name: getattr(client, "echo")(text=name) for name in ("x", "y")})
print("calls:", client.count)
