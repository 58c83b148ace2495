const names = ["Zoe", "adam", "Émile", "bob", "Eve", "ähnlich"];
console.log(names.sort((a, b) => a.localeCompare(b)).join(" "));
