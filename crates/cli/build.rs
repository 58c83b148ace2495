//! Lays out the binary.

#[path = "../guest/layout.rs"]
mod layout;

fn main() {
    layout::lay_out("bins");
}
