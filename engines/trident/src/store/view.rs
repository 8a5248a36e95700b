//! What a store of progress is to those who use it.

use std::fmt::Debug;
use std::sync::Arc;
use thiserror::Error;
use weir_topology::Value;

/// A store that does not work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system said no.
    #[error("{path}: {error}")]
    Io {
        /// What was to be read or written.
        path: String,
        /// Why it could not be.
        error: std::io::Error,
    },
    /// What is there is not what was written.
    #[error(
        "{path} is damaged: put back a copy of the whole store, with states of the same time, or remove \
         the store together with all states (states that know of later batches count batches twice, or \
         refuse them)"
    )]
    Damaged {
        /// What was read.
        path: String,
    },
    /// A value of a Rust type of its own cannot be written.
    #[error("{path}: a value of type {kind} cannot be kept: use numbers, texts, bytes and lists")]
    NotKept {
        /// What was to be written.
        path: String,
        /// Its type.
        kind: &'static str,
    },
    /// A list that is nested too deep cannot be written.
    #[error("{path}: a list is nested deeper than {deepest} levels: flatten it")]
    TooDeep {
        /// What was to be written.
        path: String,
        /// How deep a list may be nested.
        deepest: usize,
    },
    /// A path that is none.
    #[error("{path:?} is no path in a store: give it parts with names, divided by single slashes")]
    NoPath {
        /// What was given.
        path: String,
    },
    /// Somebody uses the folder.
    #[error(
        "{folder} is used by another store, of this or another process: give topologies of one process \
         the same store, and others a folder each"
    )]
    InUse {
        /// The folder.
        folder: String,
    },
}

/// Where the progress of spouts is kept, as values by path; parts of a path are divided by `/`. In
/// Storm that is ZooKeeper.
pub trait TransactionalStore: Debug + Send + Sync + 'static {
    /// What is there, if anything is.
    fn get(&self, path: &str) -> Result<Option<Value>, StoreError>;

    /// Puts something there, in the place of what is there. It is there, or what was there still is,
    /// whatever happens.
    fn put(&self, path: &str, value: &Value) -> Result<(), StoreError>;

    /// Removes what is there, if anything is.
    fn remove(&self, path: &str) -> Result<(), StoreError>;

    /// The next parts of the paths below one, in order.
    fn list(&self, path: &str) -> Result<Vec<String>, StoreError>;
}

/// A part of a store. Storm's `TransactionalState`.
#[derive(Clone, Debug)]
pub struct TransactionalState {
    store: Arc<dyn TransactionalStore>,
    root: String,
}

impl TransactionalState {
    /// What the master and the coordinator of a spout keep.
    #[must_use]
    pub fn coordinator(store: &Arc<dyn TransactionalStore>, id: &str) -> Self {
        Self { store: Arc::clone(store), root: format!("{}/coordinator", escape(id)) }
    }

    /// What the emitters of a spout keep.
    #[must_use]
    pub fn user(store: &Arc<dyn TransactionalStore>, id: &str) -> Self {
        Self { store: Arc::clone(store), root: format!("{}/user", escape(id)) }
    }

    /// A part of this one.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self { store: Arc::clone(&self.store), root: self.path(name) }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{}", self.root, escape(name))
    }

    /// What is kept under a name.
    pub fn get(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.store.get(&self.path(name))
    }

    /// Keeps something under a name.
    pub fn put(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        self.store.put(&self.path(name), value)
    }

    /// Forgets what is kept under a name.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.store.remove(&self.path(name))
    }

    /// The names and parts that there are.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let names = self.store.list(&self.root)?;
        Ok(names.iter().map(|name| unescape(name)).collect())
    }
}

/// A name as one part of a path, which may also be the name of a file. A part is never empty.
fn escape(name: &str) -> String {
    if name.is_empty() {
        return NOTHING.to_owned();
    }
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$') {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            escaped.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
    }
    escaped
}

/// No other name is written like this: a `%` in a name has a code behind it.
const NOTHING: &str = "%";

fn unescape(escaped: &str) -> String {
    if escaped == NOTHING {
        return String::new();
    }
    let mut bytes = Vec::new();
    let mut rest = escaped.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_come_back_and_are_parts_of_paths(name in ".*") {
            let escaped = escape(&name);
            prop_assert!(!escaped.contains(['/', '.', '\\']) && !escaped.is_empty());
            prop_assert_eq!(unescape(&escaped), name);
        }
    }
}
