class Vec {
  static readonly zero: Vec = new Vec();
  constructor(
    readonly x = 0,
    readonly y = 0,
    readonly z = 0,
  ) {
    Object.freeze(this);
  }
  plus({ x, y, z }: Vec): Vec {
    return new Vec(this.x + x, this.y + y, this.z + z);
  }
  times(k: number): Vec {
    return new Vec(
      ...([this.x, this.y, this.z].map((n) => n * k) as [
        number,
        number,
        number,
      ]),
    );
  }
  dot(o: Vec): number {
    return this.x * o.x + this.y * o.y + this.z * o.z;
  }
  cross(o: Vec): Vec {
    return new Vec(
      this.y * o.z - this.z * o.y,
      this.z * o.x - this.x * o.z,
      this.x * o.y - this.y * o.x,
    );
  }
  get length(): number {
    return Math.sqrt(this.dot(this));
  }
  toString(): string {
    return `(${this.x}, ${this.y}, ${this.z})`;
  }
}
const a = new Vec(1, 2, 3),
  b = new Vec(0, 1);
console.log(
  `${a.plus(b)} ${a.times(2)} ${a.cross(b)}`,
  a.dot(b),
  b.length,
  Vec.zero.toString(),
);
console.log(a, [a, b].reduce((s, v) => s.plus(v), Vec.zero).x);
