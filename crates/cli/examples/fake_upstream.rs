//! The fake server of `testkit` as a program, for the tests that drive the built binary.

fn main() {
    testkit::serve_stdio(testkit::Options::from_args(std::env::args().skip(1)));
}
