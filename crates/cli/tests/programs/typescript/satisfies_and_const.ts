const palette = { red: [255, 0, 0], green: "#00ff00" } satisfies Record<
  string,
  string | number[]
>;
const routes = ["/", "/users", "/users/:id"] as const;
type Route = (typeof routes)[number];
const handlers: { [R in Route]: () => string } = {
  "/": () => "home",
  "/users": () => "list",
  "/users/:id": () => "one",
};
for (const route of routes) console.log(route, handlers[route]());
console.log(
  palette.red.map((n) => n / 255),
  palette.green.toUpperCase(),
);
const config = <const>{ mode: "fast", depth: 3 };
console.log(config.mode, config.depth satisfies number);
