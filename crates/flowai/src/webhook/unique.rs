//! Whether the keys of an object are different, in linear time for hostile objects and without hashing for usual ones.

use std::borrow::Cow;
use std::collections::HashSet;

/// Objects with more keys than this are hashed.
const FEW: usize = 24;

/// The keys seen so far.
pub(crate) struct Keys<'a> {
    few: [&'a [u8]; FEW],
    count: usize,
    /// A bit for every key in `few`: a key whose bit is not set is new.
    bits: u64,
    many: Option<HashSet<Cow<'a, [u8]>>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new() -> Keys<'a> {
        Keys {
            few: [&[]; FEW],
            count: 0,
            bits: 0,
            many: None,
        }
    }

    /// Adds a key; false when it was there.
    pub(crate) fn add(&mut self, key: Cow<'a, [u8]>) -> bool {
        if let Some(many) = &mut self.many {
            return many.insert(key);
        }
        if let (Cow::Borrowed(name), Some(slot)) = (&key, self.few.get_mut(self.count)) {
            *slot = name;
            let bit = bit(name);
            let known = self.bits & bit != 0 && self.few.iter().take(self.count).any(|other| other == name);
            self.bits |= bit;
            self.count += 1;
            return !known;
        }
        let few = self.few.iter().take(self.count);
        let mut many: HashSet<_> = few.map(|name| Cow::Borrowed(*name)).collect();
        let is_new = many.insert(key);
        self.many = Some(many);
        is_new
    }
}

fn bit(name: &[u8]) -> u64 {
    let ends = match name {
        [first, .., last] => usize::from(*first) + 5 * usize::from(*last),
        _ => 0,
    };
    1 << ((name.len() * 11 + ends) & 63)
}
