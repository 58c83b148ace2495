enum Direction {
  Up,
  Down = 5,
  Left,
}
enum Level {
  Info = "INFO",
  Error = "ERROR",
}
enum Flags {
  None = 0,
  Read = 1 << 0,
  Write = 1 << 1,
  All = Read | Write,
}
const enum Size {
  Small = 1,
  Large = 10,
}
console.log(Direction.Up, Direction.Left, Direction[5], Direction["Down"]);
console.log(
  Level.Error,
  Object.values(Level),
  Flags.All & Flags.Write,
  Flags[3],
);
function describe(level: Level): string {
  switch (level) {
    case Level.Info:
      return "fine";
    case Level.Error:
      return "bad";
  }
}
console.log(describe(Level.Error), Size.Large * 2);
console.log(Object.keys(Direction).filter((k) => isNaN(Number(k))));
