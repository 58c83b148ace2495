console.group("outer");
console.log("inside");
console.group();
console.log("deeper\ntwo lines");
console.groupEnd();
console.groupEnd();
console.log("outside");
