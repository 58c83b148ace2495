//! Lays out the example that holds a gateway.

#[path = "../guest/layout.rs"]
mod layout;

fn main() {
    layout::lay_out("examples");
}
