class Animal {
  static kingdom = "animalia";
  static {
    Animal.registry = [];
  }
  name;
  sound = "…";
  constructor(name) {
    this.name = name;
    Animal.registry.push(new.target.name);
  }
  speak() {
    return `${this.name} says ${this.sound}`;
  }
  toJSON() {
    return { kind: this.constructor.name, name: this.name };
  }
}
const Swims = (Base) =>
  class extends Base {
    swim() {
      return `${this.name} swims`;
    }
  };
class Dog extends Swims(Animal) {
  sound = "woof";
  speak() {
    return super.speak().toUpperCase();
  }
  static create(...args) {
    return new this(...args);
  }
}
const dog = Dog.create("Rex");
console.log(
  dog.speak(),
  dog.swim(),
  JSON.stringify([dog]),
  Dog.kingdom,
  Animal.registry,
);
console.log(
  dog instanceof Animal,
  Object.getPrototypeOf(Dog).name === "",
  dog.hasOwnProperty("sound"),
);
function Legacy(x) {
  if (!(this instanceof Legacy)) return new Legacy(x);
  this.x = x;
}
Legacy.prototype.double = function () {
  return this.x * 2;
};
console.log(
  Legacy(4).double(),
  Legacy.name,
  Legacy.length,
  typeof Legacy.prototype,
);
const bound = dog.speak.bind({ name: "Cat", sound: "x", __proto__: dog });
console.log(bound());
