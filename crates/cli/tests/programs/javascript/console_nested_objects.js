const records = Array.from({ length: 2 }, (_, i) => ({
  id: i,
  address: { city: "Graz", geo: { lat: 47.07, lng: 15.43 } },
}));
console.log(records);
console.log({ level1: { level2: { level3: { level4: "deep" } } } });
