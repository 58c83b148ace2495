//! Collections whose copies are cheap: a copy shares with its original all that neither has changed.

use std::collections::HashMap;
use std::sync::Arc;

/// Elements that are copied together when one of them changes.
const CHUNK: usize = 32;

/// A growing array.
#[derive(Clone, Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Chunked<T> {
        Chunked { chunks: Vec::new() }
    }
}

impl<T: Clone + Default> Chunked<T> {
    pub(crate) fn get(&self, at: u32) -> &T {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    /// The element at `at`, which the array grows to hold.
    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        let chunk = at as usize / CHUNK;
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::new(vec![T::default(); CHUNK]));
        }
        &mut Arc::make_mut(&mut self.chunks[chunk])[at as usize % CHUNK]
    }

    /// All elements, and perhaps some defaults after the last one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .enumerate()
            .map(|(at, element)| (at as u32, element))
    }
}

/// Things by number; the number of one that was removed is given to another.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    things: Chunked<T>,
    next: u32,
    free: Vec<u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            things: Chunked::default(),
            next: 0,
            free: Vec::new(),
        }
    }
}

impl<T: Clone + Default> Numbered<T> {
    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        *self.things.get_mut(number) = thing;
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> T {
        self.free.push(number);
        std::mem::take(self.things.get_mut(number))
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        self.things.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        self.things.get_mut(number)
    }

    /// One more than the greatest number.
    pub(crate) fn end(&self) -> u32 {
        self.next
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.next as usize - self.free.len()
    }
}

/// Numbers by text.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    shards: Vec<Arc<HashMap<Arc<str>, u32>>>,
}

/// Parts of a dictionary that are copied as a whole when a text is added.
const SHARDS: usize = 256;

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary {
            shards: vec![Arc::default(); SHARDS],
        }
    }
}

impl Dictionary {
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        self.shards[shard(text)].get(text).copied()
    }

    pub(crate) fn insert(&mut self, text: Arc<str>, number: u32) {
        Arc::make_mut(&mut self.shards[shard(&text)]).insert(text, number);
    }

    pub(crate) fn remove(&mut self, text: &str) {
        Arc::make_mut(&mut self.shards[shard(text)]).remove(text);
    }
}

/// Which shard a text is in. That a server may fill one of them only makes its own updates slower:
/// within a shard the hashes are keyed.
fn shard(text: &str) -> usize {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 16)) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut array: Chunked<u32> = Chunked::default();
        for at in 0..100 {
            *array.get_mut(at) = at;
        }
        let copy = array.clone();
        *array.get_mut(7) = 1_000;
        assert_eq!((*array.get(7), *copy.get(7)), (1_000, 7));
        assert!(Arc::ptr_eq(&array.chunks[1], &copy.chunks[1]));
        assert!(!Arc::ptr_eq(&array.chunks[0], &copy.chunks[0]));
    }

    #[test]
    fn numbers_are_used_again() {
        let mut things: Numbered<&str> = Numbered::default();
        let (a, b) = (things.insert("a"), things.insert("b"));
        assert_eq!(things.remove(a), "a");
        assert_eq!(things.insert("c"), a);
        assert_eq!((*things.get(a), *things.get(b)), ("c", "b"));
        assert_eq!((things.len(), things.end()), (2, 2));
    }
}
