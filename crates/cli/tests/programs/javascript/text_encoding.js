const bytes = new TextEncoder().encode("Grüße €");
console.log(bytes.length, Array.from(bytes.slice(0, 4)));
console.log(new TextDecoder().decode(bytes));
console.log(btoa("hello"), atob("aGVsbG8="));
const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
console.log(hex);
