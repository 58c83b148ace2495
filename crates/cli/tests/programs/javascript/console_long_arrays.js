console.log(Array.from({ length: 30 }, (_, i) => i * 3));
console.log(Array.from({ length: 8 }, (_, i) => `item-${i}`));
