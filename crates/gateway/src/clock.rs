//! A program's own time: CPU time, and wall time during which no call of its is open.

use std::time::Duration;

use tokio::time::Instant;

/// Counts one program's own time.
///
/// Asking the kernel for a process's CPU time at each of a thousand calls would cost as much as the
/// calls, so it is asked at the watchdog's ticks only: between two ticks a program has used what it
/// computed, or the time in which no call was open, whichever is more.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Up to the last tick.
    counted: Duration,
    cpu_then: Duration,
    /// Wall time without an open call since the last tick, up to `since`.
    idle_of_calls: Duration,
    open_calls: usize,
    since: Instant,
}

impl Clock {
    pub(crate) fn start(cpu: Duration) -> Clock {
        Clock {
            counted: Duration::ZERO,
            cpu_then: cpu,
            idle_of_calls: Duration::ZERO,
            open_calls: 0,
            since: Instant::now(),
        }
    }

    /// The program's own time up to now, with the CPU time of the last tick.
    pub(crate) fn own_time(&self) -> Duration {
        self.counted + self.without_calls()
    }

    /// Takes the CPU time up to now. Whether none was used, and a call was open, since the last tick.
    pub(crate) fn tick(&mut self, cpu: Duration) -> bool {
        let still = cpu == self.cpu_then && self.without_calls() == Duration::ZERO;
        self.counted += self.without_calls().max(cpu.saturating_sub(self.cpu_then));
        self.cpu_then = cpu;
        self.idle_of_calls = Duration::ZERO;
        self.since = Instant::now();
        still
    }

    pub(crate) fn call_opened(&mut self) {
        self.idle_of_calls = self.without_calls();
        self.open_calls += 1;
    }

    pub(crate) fn call_closed(&mut self) {
        self.open_calls -= 1;
        if self.open_calls == 0 {
            self.since = Instant::now();
        }
    }

    /// When the limit will be reached if nothing changes; never, while a call is open.
    pub(crate) fn deadline(&self, limit: Duration) -> Option<Instant> {
        (self.open_calls == 0)
            .then(|| self.since + limit.saturating_sub(self.counted + self.idle_of_calls))
    }

    fn without_calls(&self) -> Duration {
        self.idle_of_calls
            + if self.open_calls == 0 {
                self.since.elapsed()
            } else {
                Duration::ZERO
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_call_costs_only_what_is_computed_meanwhile() {
        let ms = Duration::from_millis;
        let mut clock = Clock::start(ms(0));
        tokio::time::advance(ms(100)).await;
        assert_eq!(clock.own_time(), ms(100));
        clock.call_opened();
        clock.call_opened();
        tokio::time::advance(ms(5000)).await;
        assert!(!clock.tick(ms(130)), "something was computed");
        assert_eq!(
            clock.own_time(),
            ms(130),
            "30 ms were computed while calls were open"
        );
        assert_eq!(clock.deadline(ms(1000)), None);
        tokio::time::advance(ms(20)).await;
        assert!(clock.tick(ms(130)), "it waits for its calls");
        clock.call_closed();
        clock.call_closed();
        tokio::time::advance(ms(70)).await;
        assert_eq!(clock.own_time(), ms(200));
        assert_eq!(clock.deadline(ms(1000)), Some(Instant::now() + ms(800)));
        clock.tick(ms(200));
        assert_eq!(clock.own_time(), ms(200));
    }
}
