//! What can go wrong with state.

use thiserror::Error;

/// An operation on state that is not possible, or did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// A transaction is to be prepared while an earlier one is.
    #[error(
        "Cannot prepare a new txn while there is a pending txn: {pending} is prepared and {txid} \
         asked for: commit or roll back first"
    )]
    PendingTransaction {
        /// The one that is prepared.
        pending: i64,
        /// The one that was to be.
        txid: i64,
    },
    /// A transaction is to be committed that is not prepared.
    #[error("Invalid prepared state for commit, preparedState {prepared:?} txid {txid}")]
    NotPrepared {
        /// The one that is prepared.
        prepared: Option<i64>,
        /// The one that was to be committed.
        txid: i64,
    },
    /// Somebody has the same state open.
    #[error("the state of {namespace} is in use: only one task at a time may open it")]
    InUse {
        /// Whose state it is.
        namespace: String,
    },
    /// The state was opened before with keys or values of other types.
    #[error("the state of {namespace} holds {kept}, not {wanted}")]
    OtherTypes {
        /// Whose state it is.
        namespace: String,
        /// The types that it was made with.
        kept: &'static str,
        /// The types that were asked for.
        wanted: &'static str,
    },
    /// A key or value cannot be written, or what is on disk is something else.
    #[error("the state of {namespace}: cannot {doing} {what}: {message}")]
    Form {
        /// Whose state it is.
        namespace: String,
        /// Whether it was to be written or read.
        doing: &'static str,
        /// Which type.
        what: &'static str,
        /// Why not.
        message: String,
    },
    /// The disk, or what is on it, is not as it should be.
    #[error("the state of {namespace}: cannot {doing}: {message}")]
    Store {
        /// Whose state it is.
        namespace: String,
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        message: String,
    },
}
