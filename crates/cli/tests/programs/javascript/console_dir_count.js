console.assert(1 === 1, "never shown");
console.count("loop");
console.count("loop");
console.dir({ a: { b: 1 } });
console.time("t");
