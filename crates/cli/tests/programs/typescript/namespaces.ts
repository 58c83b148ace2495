namespace Geometry {
  export interface Point {
    x: number;
    y: number;
  }
  const origin: Point = { x: 0, y: 0 };
  export function distance(a: Point, b: Point = origin): number {
    return Math.hypot(a.x - b.x, a.y - b.y);
  }
  export namespace Shapes {
    export class Circle {
      constructor(
        public readonly center: Point,
        public radius: number,
      ) {}
      contains(p: Point): boolean {
        return distance(this.center, p) <= this.radius;
      }
    }
  }
  export const unit = new Shapes.Circle(origin, 1);
}
import Circle = Geometry.Shapes.Circle;
console.log(
  Geometry.distance({ x: 3, y: 4 }),
  Geometry.unit.contains({ x: 0.5, y: 0.5 }),
);
console.log(new Circle({ x: 5, y: 5 }, 2).contains({ x: 6, y: 6 }));
