abstract class AppError extends Error {
  abstract readonly status: number;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
class NotFound extends AppError {
  readonly status = 404;
  constructor(public what: string) {
    super(`${what} not found`);
  }
}
class Invalid extends AppError {
  readonly status: number = 422;
  constructor(
    public fields: Record<string, string>,
    cause?: unknown,
  ) {
    super("invalid", { cause });
  }
}
function handle(work: () => unknown): string {
  try {
    return `200 ${work()}`;
  } catch (error) {
    if (error instanceof Invalid)
      return `${error.status} ${Object.keys(error.fields)} ${(error.cause as Error | undefined)?.message}`;
    if (error instanceof AppError)
      return `${error.status} ${error.name}: ${error.message}`;
    return `500 ${(error as Error).constructor.name}`;
  }
}
console.log(handle(() => "fine"));
console.log(
  handle(() => {
    throw new NotFound("user");
  }),
);
console.log(
  handle(() => {
    throw new Invalid({ age: "low" }, new RangeError("age"));
  }),
);
console.log(handle(() => (null as any).x));
