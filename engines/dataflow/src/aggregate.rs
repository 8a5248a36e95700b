//! Keyed operators.

use crate::{Data, Emit, Key, transform::short_type_name};

/// A keyed fold with a combiner.
///
/// `update` must commute over the values of one key and `merge` must agree with it
/// (`merge(fold(a), fold(b)) == fold(a ++ b)`), so that an engine may combine before it shuffles.
/// Where order matters, use [`UpdateState`].
pub trait Aggregate: Clone + Send + Sync + 'static {
    /// What it takes.
    type In: Data;
    /// What state is kept under.
    type Key: Key;
    /// What a record adds.
    type Value: Data;
    /// What has been added up so far; `Default` is the empty sum.
    type State: Data + Default;
    /// What a key's state looks like from outside.
    type Out: Data;

    /// The key of a record and what it adds.
    fn split(&self, input: Self::In) -> (Self::Key, Self::Value);
    /// Adds one value.
    fn update(&self, state: &mut Self::State, value: Self::Value);
    /// Adds another sum.
    fn merge(&self, state: &mut Self::State, other: Self::State);
    /// The output for a key.
    fn output(&self, key: &Self::Key, state: &Self::State) -> Self::Out;

    /// The operator's name in plans.
    fn label(&self) -> String {
        short_type_name::<Self>()
    }
}

/// Explicit keyed state, with removal.
///
/// The state of a key starts absent and is removed by leaving `None` behind. Values of one key are
/// presented one by one in stream order, however the engine groups them (see the crate's page on
/// order). A record-at-a-time engine calls it as records arrive; a micro-batch engine calls it for
/// the values of a batch.
pub trait UpdateState: Clone + Send + Sync + 'static {
    /// What it takes.
    type In: Data;
    /// What state is kept under.
    type Key: Key;
    /// What a record brings.
    type Value: Data;
    /// What is remembered.
    type State: Data;
    /// What is emitted.
    type Out: Data;

    /// The key of a record and what it brings.
    fn split(&self, input: Self::In) -> (Self::Key, Self::Value);
    /// Takes one value; may change, create or remove the state, and may emit.
    fn update(
        &self,
        key: &Self::Key,
        state: &mut Option<Self::State>,
        value: Self::Value,
        out: &mut impl Emit<Self::Out>,
    );

    /// The operator's name in plans.
    fn label(&self) -> String {
        short_type_name::<Self>()
    }
}
