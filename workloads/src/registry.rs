//! Workloads by name.

use crate::{InputError, Settings, Workload};
use thiserror::Error;

/// Something to do with a workload whose type is only known by name.
pub trait Visit {
    /// What it gives.
    type Out;
    /// Does it.
    fn visit<W: Workload>(self, workload: W) -> Self::Out;
}

/// No workload has this name.
#[derive(Debug, Error)]
#[error("there is no workload named {name:?}; there are {}", crate::NAMES.join(", "))]
pub struct UnknownWorkload {
    /// What was asked for.
    pub name: String,
}

/// What can be said of a workload without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What a record is, in the plural.
    pub records: &'static str,
    /// Its input in words, if that is not made of the corpus.
    pub input: Option<&'static str>,
    /// Names of its CSV columns.
    pub columns: &'static [&'static str],
    /// Records that its input holds if it is read once.
    pub once: u64,
    /// Whether its rows depend on the event times of records.
    pub event_time: bool,
    /// Records per second on the nominal axis of a run at saturation.
    pub nominal_rate: u64,
}

pub(crate) fn described<W: Workload>(settings: &Settings) -> Described {
    Described {
        name: W::NAME,
        summary: W::SUMMARY,
        records: W::RECORDS,
        input: W::INPUT,
        columns: W::COLUMNS,
        once: W::once(settings),
        event_time: W::EVENT_TIME,
        nominal_rate: W::NOMINAL_RATE,
    }
}

pub(crate) fn built<W: Workload, V: Visit>(
    settings: &Settings,
    v: V,
) -> Result<V::Out, InputError> {
    W::new(settings).map(|workload| v.visit(workload))
}

macro_rules! registry {
    ($($workload:ident),+ $(,)?) => {
        /// The names of all workloads, in the order in which they are listed.
        pub const NAMES: &[&str] = &[$(<$workload as $crate::Workload>::NAME),+];

        /// Does something with the workload of this name.
        ///
        /// # Errors
        /// There is none of this name, or its input does not serve.
        pub fn with_workload<V: $crate::Visit>(
            name: &str,
            settings: &$crate::Settings,
            visit: V,
        ) -> Result<Result<V::Out, $crate::InputError>, $crate::UnknownWorkload> {
            $(if name == <$workload as $crate::Workload>::NAME {
                return Ok($crate::registry::built::<$workload, V>(settings, visit));
            })+
            Err($crate::UnknownWorkload { name: name.to_owned() })
        }

        /// What can be said of the workload of this name.
        ///
        /// # Errors
        /// There is none of this name.
        pub fn describe(
            name: &str,
            settings: &$crate::Settings,
        ) -> Result<$crate::Described, $crate::UnknownWorkload> {
            $(if name == <$workload as $crate::Workload>::NAME {
                return Ok($crate::registry::described::<$workload>(settings));
            })+
            Err($crate::UnknownWorkload { name: name.to_owned() })
        }
    };
}
pub(crate) use registry;
