const html = (strings, ...values) =>
  strings.reduce(
    (out, s, i) => out + s + (i < values.length ? escape(values[i]) : ""),
    "",
  );
const escape = (v) =>
  String(v).replace(
    /[&<>"]/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c],
  );
console.log(html`<p title="${'a "b"'}">${"<script>"} & ${1 + 1}</p>`);
const raw = String.raw`C:\new\table ${1}`;
console.log(raw, raw.length);
const tag = (s) => s;
const same = () => tag`x`;
console.log(same() === same(), tag`a\u{41}${0}b`.raw[0]);
console.log(`line 1
line 2 ${[1, 2].map((n) => `<${n}>`).join("")}`);
