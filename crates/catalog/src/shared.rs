//! Collections whose copies are cheap: a copy shares with its original all that neither has changed.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::{Deref, Index, Range};
use std::sync::Arc;

/// A part of a text or an array that many share. What is made at once lies together: that is one
/// allocation and not thousands, and copies count their uses in one place. Each part keeps the whole, so
/// only an index that is built lies together, and what changes in it later is apart.
#[derive(Debug)]
pub(crate) struct Part<D: ?Sized> {
    whole: Arc<D>,
    from: u32,
    end: u32,
}

impl<D: ?Sized> Part<D> {
    pub(crate) fn new(whole: &Arc<D>, range: Range<usize>) -> Part<D> {
        Part {
            whole: Arc::clone(whole),
            from: range.start as u32,
            end: range.end as u32,
        }
    }
}

impl<T: Clone> Part<[T]> {
    /// The elements, copied if they are shared.
    pub(crate) fn make_mut(&mut self) -> &mut [T] {
        if Arc::get_mut(&mut self.whole).is_none() {
            *self = self.to_vec().into();
        }
        let whole = Arc::get_mut(&mut self.whole).expect("nothing else shares it");
        &mut whole[self.from as usize..self.end as usize]
    }

    pub(crate) fn remove(&mut self, at: usize)
    where
        T: Copy,
    {
        self.make_mut().copy_within(at + 1.., at);
        self.end -= 1;
    }
}

impl<D: ?Sized + Index<Range<usize>, Output = D>> Deref for Part<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.whole[self.from as usize..self.end as usize]
    }
}

impl<D: ?Sized> Clone for Part<D> {
    fn clone(&self) -> Part<D> {
        Part {
            whole: Arc::clone(&self.whole),
            ..*self
        }
    }
}

impl<D: ?Sized> Default for Part<D>
where
    Arc<D>: Default,
{
    fn default() -> Part<D> {
        Part {
            whole: Arc::default(),
            from: 0,
            end: 0,
        }
    }
}

impl From<&str> for Part<str> {
    fn from(text: &str) -> Part<str> {
        Part::new(&Arc::from(text), 0..text.len())
    }
}

impl<T> From<Vec<T>> for Part<[T]> {
    fn from(array: Vec<T>) -> Part<[T]> {
        let range = 0..array.len();
        Part::new(&Arc::from(array), range)
    }
}

/// Elements of a [`Chunked`] that are copied together when one of them changes.
const CHUNK: usize = 32;

/// A growing array, of which a copy shares all chunks that neither has changed.
#[derive(Clone, Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Arc<[T]>>,
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
            self.chunks.push(vec![T::default(); CHUNK].into());
        }
        &mut Arc::make_mut(&mut self.chunks[chunk])[at as usize % CHUNK]
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone + Default> FromIterator<T> for Chunked<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Chunked<T> {
        let mut elements: Vec<T> = elements.into_iter().collect();
        elements.resize(elements.len().next_multiple_of(CHUNK), T::default());
        let mut left = elements.drain(..);
        let mut chunks = Vec::with_capacity(left.len() / CHUNK);
        while left.len() > 0 {
            chunks.push(left.by_ref().take(CHUNK).collect());
        }
        drop(left);
        Chunked { chunks }
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

    /// All numbers with their things; those that are free have the default.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..self.next).zip(self.things.iter())
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

impl<T: Clone + Default> FromIterator<T> for Numbered<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Numbered<T> {
        let mut next = 0;
        let counted = things.into_iter().inspect(|_| next += 1);
        Numbered {
            things: counted.collect(),
            next,
            free: Vec::new(),
        }
    }
}

/// Numbers by text, of which only a hash is kept.
///
/// The hash is keyed, so nobody can choose two texts with the same one, and by chance that happens once
/// in a thousand million catalogs; one of two words would then be found as the other.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    key: Key,
    shards: Vec<Arc<Shard>>,
}

type Shard = HashMap<u64, u32, BuildHasherDefault<Hashed>>;

/// Parts of a dictionary that are copied as a whole when a text is added.
const SHARDS: usize = 256;

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary {
            key: Key::random(),
            shards: vec![Arc::default(); SHARDS],
        }
    }
}

impl Dictionary {
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        let (shard, hash) = self.place(text);
        self.shards[shard].get(&hash).copied()
    }

    pub(crate) fn insert(&mut self, text: &str, number: u32) {
        let (shard, hash) = self.place(text);
        Arc::make_mut(&mut self.shards[shard]).insert(hash, number);
    }

    pub(crate) fn remove(&mut self, text: &str) {
        let (shard, hash) = self.place(text);
        Arc::make_mut(&mut self.shards[shard]).remove(&hash);
    }

    fn place(&self, text: &str) -> (usize, u64) {
        let hash = self.key.hash(text.as_bytes());
        // The map itself uses the highest and the lowest bits.
        ((hash >> 32) as usize % SHARDS, hash)
    }
}

impl<'a> FromIterator<(&'a str, u32)> for Dictionary {
    fn from_iter<I: IntoIterator<Item = (&'a str, u32)>>(texts: I) -> Dictionary {
        let mut dictionary = Dictionary::default();
        let placed = |(text, number)| (dictionary.place(text), number);
        let placed: Vec<((usize, u64), u32)> = texts.into_iter().map(placed).collect();
        let mut counts = [0; SHARDS];
        for ((shard, _), _) in &placed {
            counts[*shard] += 1;
        }
        let empty = |count: &usize| Shard::with_capacity_and_hasher(*count, Default::default());
        let mut shards: Vec<Shard> = counts.iter().map(empty).collect();
        for ((shard, hash), number) in placed {
            shards[shard].insert(hash, number);
        }
        dictionary.shards = shards.into_iter().map(Arc::new).collect();
        dictionary
    }
}

/// What nobody outside knows of a [`Dictionary`]'s hash.
#[derive(Clone, Copy, Debug)]
struct Key([u64; 4]);

impl Key {
    fn random() -> Key {
        let random = RandomState::new();
        Key([0, 1, 2, 3].map(|at: u64| random.hash_one(at)))
    }

    /// A multiplication for each sixteen bytes, most words being one: a fifth of what the standard
    /// library's hash takes. Whoever knows the key can make texts with the same hash; who does not, and
    /// sees no hash, cannot.
    fn hash(&self, text: &[u8]) -> u64 {
        let Key([start, other, end, last]) = *self;
        let (steps, rest) = text.as_chunks::<16>();
        let step = |hash: u64, low: u64, high: u64| multiplied(low ^ hash, high ^ other);
        let hash = steps.iter().fold(start, |hash, bytes| {
            let bytes = u128::from_le_bytes(*bytes);
            step(hash, bytes as u64, (bytes >> 64) as u64)
        });
        // The length tells texts apart that end in zeros, and makes the halves of what is left, which
        // may have bytes in common, stand for one text only.
        let (low, high) = match rest.len() {
            8.. => (first_eight(rest), last_eight(rest)),
            4..8 => (first_four(rest), last_four(rest)),
            1..4 => {
                let (first, middle, last) = (rest[0], rest[rest.len() / 2], rest[rest.len() - 1]);
                (u64::from(first), u64::from(middle) << 8 | u64::from(last))
            }
            0 => (0, 0),
        };
        let hash = step(hash, low, high);
        multiplied(hash ^ end, text.len() as u64 ^ last)
    }
}

fn multiplied(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn first_eight(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

fn last_eight(bytes: &[u8]) -> u64 {
    bytes.last_chunk().copied().map_or(0, u64::from_le_bytes)
}

fn first_four(bytes: &[u8]) -> u64 {
    let four = bytes.first_chunk().copied();
    four.map_or(0, u32::from_le_bytes).into()
}

fn last_four(bytes: &[u8]) -> u64 {
    let four = bytes.last_chunk().copied();
    four.map_or(0, u32::from_le_bytes).into()
}

/// The hasher of what is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
    fn parts_are_copied_before_they_change_unless_they_are_alone() {
        let whole: Arc<[u32]> = (0..10).collect();
        let mut part = Part::new(&whole, 2..6);
        part.remove(1);
        assert_eq!((&part[..], whole.len()), (&[2, 4, 5][..], 10));
        let first = part.as_ptr();
        part.make_mut()[0] = 7;
        part.remove(2);
        assert_eq!((&part[..], part.as_ptr()), (&[7, 4][..], first));
        let copy = part.clone();
        part.remove(0);
        assert_eq!((&part[..], &copy[..]), (&[4][..], &[7, 4][..]));
        part.remove(0);
        assert!(part.is_empty());
    }

    #[test]
    fn texts_that_differ_anywhere_have_other_hashes() {
        let key = Key::random();
        let mut hashes = std::collections::HashSet::new();
        let mut texts = 0;
        for length in 0..40 {
            let zeros = vec![0_u8; length];
            let mut add = |text: &[u8]| {
                texts += 1;
                hashes.insert(key.hash(text));
            };
            add(&zeros);
            for at in 0..length {
                for byte in [1, b'a', 0xff] {
                    let mut text = zeros.clone();
                    text[at] = byte;
                    add(&text);
                }
            }
        }
        assert_eq!(hashes.len(), texts);
        assert_ne!(Key::random().hash(b"word"), key.hash(b"word"));
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
