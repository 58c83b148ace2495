class Client {
  #calls = 0;
  constructor(server) {
    this.server = server;
  }
  get calls() {
    return this.#calls;
  }
  async #call(name, args) {
    this.#calls++;
    return this.server[name](args);
  }
  add(a, b) {
    return this.#call("add", { a, b }).then((r) => r.sum);
  }
  echo(text) {
    return this.#call("echo", { text });
  }
  async all(...texts) {
    const out = [];
    for (const text of texts) out.push(await this.echo(text));
    return out;
  }
}
const client = new Client(tools.fake);
console.log(
  await client.add(2, 3),
  await client.echo("hi"),
  await client.all("x", "y"),
);
console.log("calls:", client.calls);
