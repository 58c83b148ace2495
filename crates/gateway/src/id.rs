//! Ids: a kind letter and 16 Crockford base32 characters from the system's generator.
//!
//! They are names, not rights: each is looked up under its owner.

use std::fmt;

/// A new id, such as `x_8k3…`.
pub(crate) fn fresh(kind: char) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut random = [0; 16];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .expect("the system's generator has been ready since boot");
    let mut id = format!("{kind}_");
    id.extend(
        random
            .iter()
            .map(|byte| char::from(DIGITS[usize::from(byte % 32)])),
    );
    id
}

/// An id as it is shown within its session: `x7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Short(pub char, pub u32);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_have_their_kind_and_differ() {
        let (one, two) = (super::fresh('x'), super::fresh('x'));
        assert!(one.starts_with("x_") && one.len() == 18, "{one}");
        assert_ne!(one, two);
    }
}
