abstract class Shape {
  abstract readonly name: string;
  abstract area(): number;
  describe(): string {
    return `${this.name} with area ${this.area().toFixed(2)}`;
  }
  static largest(shapes: Shape[]): Shape {
    return shapes.reduce((a, b) => (a.area() >= b.area() ? a : b));
  }
}
class Circle extends Shape {
  readonly name = "circle";
  constructor(private r: number) {
    super();
  }
  area(): number {
    return Math.PI * this.r ** 2;
  }
}
class Rect extends Shape {
  override readonly name: string = "rect";
  constructor(
    protected w: number,
    protected h: number,
  ) {
    super();
  }
  override area() {
    return this.w * this.h;
  }
}
class Square extends Rect {
  override readonly name = "square";
  constructor(side: number) {
    super(side, side);
  }
}
const shapes: Shape[] = [new Circle(1), new Rect(2, 3), new Square(2)];
for (const shape of shapes) console.log(shape.describe());
console.log(
  Shape.largest(shapes).name,
  shapes.filter((s): s is Rect => s instanceof Rect).length,
);
