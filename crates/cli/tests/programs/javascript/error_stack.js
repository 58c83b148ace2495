const error = new TypeError("wrong kind");
console.log(error.stack.split("\n")[0]);
