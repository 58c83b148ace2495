const error = new TypeError("wrong kind");
console.log(String(error), error.message, error.name);
console.log(`${error}`, [error.message], Object.prototype.toString.call(error));
const wrapped = new Error("outer", { cause: error });
console.log(wrapped.cause === error, wrapped.cause.message);
console.info("info");
console.debug("debug");
console.warn("to stderr");
console.error("to stderr");
