console.log(Buffer.from("hello").toString("base64"), Buffer.byteLength("ü"));
console.log(typeof process.env.HOME, process.argv.length >= 1);
