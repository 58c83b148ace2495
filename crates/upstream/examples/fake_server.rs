//! The server this crate's tests connect to.

fn main() {
    testkit::serve_stdio(testkit::Options::from_args(std::env::args().skip(1)));
}
