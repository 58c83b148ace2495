//! `Math.random` and the program's other random numbers, from the kernel.
//!
//! The engine's own is seeded when the engine is made: all guests of a zygote would draw the same
//! numbers.

/// Random numbers, drawn from the kernel a few at a time.
pub(super) struct Random {
    drawn: [u8; 256],
    left: usize,
}

impl Random {
    pub(super) fn new() -> Random {
        Random {
            drawn: [0; 256],
            left: 0,
        }
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub(super) fn next(&mut self) -> f64 {
        if self.left == 0 {
            fill(&mut self.drawn);
            self.left = self.drawn.len();
        }
        self.left -= 8;
        let bytes = self.drawn[self.left..self.left + 8]
            .try_into()
            .expect("eight bytes");
        (u64::from_ne_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Fills a buffer with random bytes.
pub(super) fn fill(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        // Interrupted by a signal at most, as the pool is there since the machine started.
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags).unwrap_or(0);
    }
}
