type Method = "get" | "post";
type Path = `/${string}`;
type Endpoint = `${Uppercase<Method>} ${Path}`;
const table = new Map<Endpoint, (params: Record<string, string>) => string>();
function route(
  method: Method,
  path: Path,
  handler: (params: Record<string, string>) => string,
) {
  table.set(`${method.toUpperCase()} ${path}` as Endpoint, handler);
}
route(
  "get",
  "/users/:id/posts/:post",
  ({ id, post }) => `user ${id} post ${post}`,
);
route("post", "/users", () => "created");
function dispatch(method: string, url: string): string {
  for (const [endpoint, handler] of table) {
    const [m, pattern] = endpoint.split(" ") as [string, string];
    const re = new RegExp(`^${pattern.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
    const match = m === method ? re.exec(url) : null;
    if (match) return handler({ ...match.groups });
  }
  return "404";
}
console.log(
  dispatch("GET", "/users/7/posts/x-1"),
  dispatch("POST", "/users"),
  dispatch("GET", "/users"),
);
