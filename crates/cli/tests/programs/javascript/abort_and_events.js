const controller = new AbortController();
const sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
setTimeout(() => controller.abort(new Error("stopped")), 2);
await sleep(1000, controller.signal).catch((error) =>
  console.log(error.message, controller.signal.aborted),
);
