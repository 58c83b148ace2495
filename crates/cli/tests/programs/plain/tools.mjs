// Answers to a program's calls in plain Node, as testkit's fake server gives them.

globalThis.ToolError = class ToolError extends Error {
  constructor(tool, code, message) {
    super(message);
    Object.assign(this, {
      tool,
      server: tool.split(".")[0],
      code,
      retryable: false,
    });
  }
  get name() {
    return "ToolError";
  }
};

const CITIES = ["Graz", "Lyon", "Porto", "Turku", "Gdańsk"];
const records = (begin, end) =>
  Array.from({ length: end - begin }, (_, i) => begin + i).map((n) => ({
    id: n,
    name: `Record ${n}`,
    city: CITIES[n % CITIES.length],
    amount: (n * 37) % 1001,
    active: n % 3 === 0,
  }));

const parsed = (text) => {
  try {
    return /^[{[]/.test(text) ? JSON.parse(text) : text;
  } catch {
    return text;
  }
};

const writes = [];

const fake = {
  echo: ({ text }) => parsed(text),
  echo_json: ({ value }) => parsed(JSON.stringify(value)),
  structured: ({ value }) => JSON.parse(JSON.stringify(value)),
  add: ({ a, b }) => ({ sum: a + b }),
  sleep: () => "awake",
  fail({ message }) {
    throw new ToolError(
      "fake.fail",
      "tool_error",
      `fake.fail answered: ${message}`,
    );
  },
  big: ({ bytes }) => "x".repeat(bytes),
  big_json: ({ records: count }) => ({ records: records(0, count) }),
  list_records({ page = 0, size = 50 } = {}) {
    const end = Math.min((page + 1) * size, 1000);
    return {
      records: records(Math.min(page * size, 1000), end),
      next_page: end < 1000 ? page + 1 : null,
    };
  },
  write({ key, value }) {
    writes.push({ key, value });
    return "written";
  },
  erase() {
    writes.length = 0;
    return "erased";
  },
  read_log: () => ({ writes: [...writes] }),
};

globalThis.tools = {
  fake: Object.fromEntries(
    Object.entries(fake).map(([name, answer]) => [
      name,
      async (args) => answer(args),
    ]),
  ),
};
