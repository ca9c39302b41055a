//! Kinds of documents, for whoever looks after documents whose types they do not know.

use std::fmt;

use crate::{AnyDocument, Key, Schema, Store};

/// One kind of document: the names that it can have, and the type that it holds.
///
/// # Examples
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use state_store::{Key, Kind, Schema, Store};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Visits {
///     count: u64,
/// }
/// impl Schema for Visits {}
/// const KINDS: &[Kind] = &[Kind::named::<Visits>(Key::fixed("visits.json"))];
///
/// # let dir = tempfile::tempdir()?;
/// let (store, key) = (Store::files(dir.path()), Key::new("visits.json")?);
/// let kind = KINDS.iter().find(|kind| kind.covers(&key)).expect("it is in the table");
/// let examined = kind.open(&store, key).examine();
/// assert!(examined.document.is_fine() && examined.backup.is_fine());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Kind {
    names: Names,
    open: fn(&Store, Key) -> Box<dyn AnyDocument>,
}

#[derive(Debug, Clone)]
enum Names {
    One(Key),
    Inside(&'static str),
}

impl Kind {
    /// The one document of that name.
    #[must_use]
    pub const fn named<T: Schema + 'static>(key: Key) -> Kind {
        Kind { names: Names::One(key), open: open::<T> }
    }

    /// Every document of a directory whose name ends in `.json`.
    #[must_use]
    pub const fn inside<T: Schema + 'static>(directory: &'static str) -> Kind {
        Kind { names: Names::Inside(directory), open: open::<T> }
    }

    /// Whether the document of that name is of this kind.
    #[must_use]
    pub fn covers(&self, key: &Key) -> bool {
        match &self.names {
            Names::One(name) => key == name,
            Names::Inside(directory) => {
                let rest = key.as_str().strip_prefix(*directory);
                let name = rest.and_then(|rest| rest.strip_prefix('/'));
                name.is_some_and(|name| !name.contains('/') && name.ends_with(".json"))
            }
        }
    }

    /// The directory in which its documents are, below that of the store.
    #[must_use]
    pub fn directory(&self) -> Option<&'static str> {
        match self.names {
            Names::One(_) => None,
            Names::Inside(directory) => Some(directory),
        }
    }

    /// The document under `key`. Nothing is read yet.
    #[must_use]
    pub fn open(&self, store: &Store, key: Key) -> Box<dyn AnyDocument> {
        (self.open)(store, key)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.names).finish()
    }
}

fn open<T: Schema + 'static>(store: &Store, key: Key) -> Box<dyn AnyDocument> {
    Box::new(store.document::<T>(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Anything {}
    impl Schema for Anything {}

    #[test]
    fn a_kind_covers_its_own_names_alone() {
        let key = |name: &str| Key::new(name).unwrap();
        let one = Kind::named::<Anything>(Key::fixed("a.json"));
        assert!(one.covers(&key("a.json")));
        assert!(!one.covers(&key("b/a.json")) && !one.covers(&key("a.json.bak")));
        let inside = Kind::inside::<Anything>("b");
        assert!(inside.covers(&key("b/x.json")));
        for other in ["b.json", "bb/x.json", "b/x.json.bak", "b/c/x.json", "x.json"] {
            assert!(!inside.covers(&key(other)), "{other}");
        }
        let document = one.open(&Store::memory(), key("a.json"));
        assert_eq!(document.place(), "memory:a.json");
        assert_eq!(
            Store::memory().document::<Anything>(key("a")).update(|_| Change::Keep(1)).unwrap(),
            1
        );
    }
}
