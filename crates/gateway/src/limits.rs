//! How much one program, and all of them together, may use.

use std::time::Duration;

/// Limits of a run and of the gateway. A call may lower its own, settings may raise them.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// A program's own time: CPU time, and time during which no call of its is open.
    pub guest_time: Duration,
    /// A run from its start to its end, calls included.
    pub total_time: Duration,
    /// A request that starts a program or waits for one is answered after so long, whether or not the
    /// program has ended.
    pub yield_time: Duration,
    /// One call.
    pub call_time: Duration,
    pub memory_bytes: u64,
    pub threads: u32,
    pub descriptors: u64,
    /// What is kept of stdout, and of stderr.
    pub output_bytes: usize,
    /// What a program may print in all before it is ended.
    pub printed_bytes: u64,
    /// Calls of tools, sent or refused.
    pub calls: u32,
    /// Arguments and results of all calls of a run.
    pub call_bytes: u64,
    /// Calls of one program open at once.
    pub in_flight: u32,
    pub workspace_bytes: u64,
    pub workspace_entries: u64,
    /// Runs at once, those that wait for their calls included. At most four a core of them run.
    pub executions: usize,
    /// Sessions that are kept, for whoever names one again; how long one that nobody uses; and what all
    /// of them may hold together: workspaces, results and stored values.
    pub sessions: usize,
    pub session_age: Duration,
    pub session_bytes: u64,
    /// Further runs that may wait for a place, and for how long.
    pub waiting: usize,
    pub waiting_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Limits {
            guest_time: Duration::from_secs(30),
            total_time: Duration::from_secs(600),
            yield_time: Duration::from_secs(45),
            call_time: Duration::from_secs(60),
            memory_bytes: 512 << 20,
            threads: 64,
            descriptors: 64,
            output_bytes: 1 << 20,
            printed_bytes: 64 << 20,
            calls: 10_000,
            call_bytes: 1 << 30,
            in_flight: 256,
            workspace_bytes: 256 << 20,
            workspace_entries: 4096,
            executions: 16 * cores,
            sessions: 256,
            session_age: Duration::from_secs(7 * 86_400),
            session_bytes: 4 << 30,
            waiting: 64,
            waiting_time: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// What the kernel is told about one guest.
    pub(crate) fn of_process(&self) -> sandbox::ProcessLimits {
        sandbox::ProcessLimits {
            memory_bytes: self.memory_bytes,
            // Interpreters map more than they touch: libraries, stacks, an allocator's reserve.
            address_space_bytes: self.memory_bytes + (192 << 20),
            cpu_seconds: self.total_time.as_secs().max(1) + 1,
            file_bytes: self.workspace_bytes,
            descriptors: self.descriptors,
        }
    }
}
