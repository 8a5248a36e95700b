//! What is wrong with a Trident topology before it runs.

use thiserror::Error;
use weir_topology::{Fields, TopologyError};

/// A Trident topology that cannot be. Where Storm throws an `IllegalArgumentException` while streams
/// are being defined, the error is kept and [`TridentTopology::build`](crate::TridentTopology::build)
/// returns the first.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TridentError {
    /// An operation names a field that its stream does not have.
    #[error(
        "{operation}: there is no field {field:?} in a stream with the fields {fields}: name one of these"
    )]
    UnknownField {
        /// The operation.
        operation: &'static str,
        /// The field.
        field: String,
        /// What the stream has.
        fields: Fields,
    },
    /// Streams to be merged or joined that do not fit.
    #[error("{operation}: {message}")]
    Mismatch {
        /// The operation.
        operation: &'static str,
        /// What does not fit, and the remedy.
        message: String,
    },
    /// Requests are batches by themselves: they come at other times than those of spouts, and of other
    /// functions, and cannot meet them in a batch.
    #[error(
        "a stream of DRPC is merged or joined with another one, of DRPC or a spout: query a state instead"
    )]
    MixedSources,
    /// Streams of two topologies.
    #[error("{operation}: a stream or state of another topology: define both in one topology")]
    Foreign {
        /// The operation.
        operation: &'static str,
    },
    /// Something that is given a parallelism it cannot have.
    #[error(
        "{what} has a fixed parallelism of {fixed}, but at most {most} is allowed: raise the limit"
    )]
    Parallelism {
        /// The component.
        what: String,
        /// What it must be.
        fixed: usize,
        /// What it may be.
        most: usize,
    },
    /// States of one component that need different numbers of partitions.
    #[error(
        "{what} has states that must have {one} and {other} partitions: repartition between them"
    )]
    Partitions {
        /// The component.
        what: String,
        /// What one must have.
        one: usize,
        /// What another must have.
        other: usize,
    },
    /// A parallelism, length or amount that must be more.
    #[error("{what} is {value}: it must be {wanted}")]
    BadAmount {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// An error of the topology underneath.
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

impl TridentError {
    pub(crate) fn unknown_field(operation: &'static str, field: &str, fields: &Fields) -> Self {
        Self::UnknownField { operation, field: field.to_owned(), fields: fields.clone() }
    }

    /// Checks that a stream has some fields. Storm's `projectionValidation`.
    pub(crate) fn check(
        operation: &'static str,
        wanted: &Fields,
        of: &Fields,
    ) -> Result<(), TridentError> {
        match wanted.iter().find(|field| !of.contains(field)) {
            Some(field) => Err(Self::unknown_field(operation, field, of)),
            None => Ok(()),
        }
    }
}
