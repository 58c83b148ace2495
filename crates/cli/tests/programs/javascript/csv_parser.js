const text = `name,age,quote
"Smith, John",42,"He said ""hi"""
Ann,37,plain
"multi
line",1,`;

function* cells(source) {
  let row = [],
    cell = "",
    quoted = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (quoted) {
      if (c === '"' && source[i + 1] === '"') {
        cell += '"';
        i++;
      } else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"') quoted = true;
    else if (c === ",") {
      row.push(cell);
      cell = "";
    } else if (c === "\n") {
      row.push(cell);
      yield row;
      row = [];
      cell = "";
    } else cell += c;
  }
  row.push(cell);
  yield row;
}

const [header, ...rows] = cells(text);
const objects = rows.map((row) =>
  Object.fromEntries(header.map((name, i) => [name, row[i]])),
);
console.log(JSON.stringify(objects));
console.log(objects.map((o) => Number(o.age)).reduce((a, b) => a + b));
