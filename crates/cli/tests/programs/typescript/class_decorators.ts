function logged(_target: unknown, context: ClassMethodDecoratorContext) {
  const name = String(context.name);
  return function (this: any, ...args: unknown[]) {
    console.log(`call ${name}(${args.join()})`);
    return (_target as Function).apply(this, args);
  };
}
class Service {
  @logged
  add(a: number, b: number): number {
    return a + b;
  }
}
console.log(new Service().add(1, 2));
