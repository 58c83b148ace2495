const url = new URL(
  "https://user:pw@example.org:8080/a/b%20c?x=1&y=two&x=3#frag",
);
console.log(
  url.hostname,
  url.port,
  url.pathname,
  url.searchParams.getAll("x"),
  url.hash,
  url.origin,
);
url.searchParams.append("q", "a b&c");
url.pathname = "/new";
console.log(url.toString(), new URL("../d", "https://a.org/b/c/").href);
const params = new URLSearchParams({ page: 2, q: "ü" });
console.log(
  params.toString(),
  [...params],
  new URLSearchParams("?a=1&b=2").get("b"),
);
try {
  new URL("nonsense");
} catch (error) {
  console.log(error.name);
}
