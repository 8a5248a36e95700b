//! What all components of a topology emitted.

use crate::Values;
use crate::tuple::Source;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Emitted values by component and stream, in the order in which each task emitted them.
pub(crate) type Captured = BTreeMap<(String, String), Vec<Values>>;

/// Takes down emissions; clones are one list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture(Arc<Mutex<Captured>>);

impl Capture {
    pub(crate) fn note(&self, source: &Source, values: &Values) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (source.component.to_string(), source.stream.to_string());
        all.entry(id).or_default().push(values.clone());
    }

    pub(crate) fn list(&self) -> Arc<Mutex<Captured>> {
        Arc::clone(&self.0)
    }

    pub(crate) fn take(&self) -> Captured {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
