//! How far the checkpoints of a topology are.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The component id of the spout that sends checkpoints.
pub const CHECKPOINT_COMPONENT: &str = "$checkpointspout";
/// The stream that checkpoints travel on, through all components.
pub const CHECKPOINT_STREAM: &str = "$checkpoint";
/// The field of that stream with the number of the transaction.
pub const CHECKPOINT_FIELD_TXID: &str = "txid";
/// The field of that stream with the [`Action`].
pub const CHECKPOINT_FIELD_ACTION: &str = "action";

/// What the tasks of a topology are told to do about their states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Prepare a transaction.
    Prepare,
    /// Commit the one that is prepared.
    Commit,
    /// Return to what was committed last.
    Rollback,
    /// Begin to work, if they have not yet.
    InitState,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Prepare, Self::Commit, Self::Rollback, Self::InitState];

    /// Storm's name, which is what tuples of the checkpoint stream carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "PREPARE",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::InitState => "INITSTATE",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is the matter with the latest transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It is committed everywhere.
    Committed,
    /// It is being committed: prepared everywhere.
    Committing,
    /// It is being prepared.
    Preparing,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Committed, Self::Committing, Self::Preparing];

    /// Storm's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committed => "COMMITTED",
            Self::Committing => "COMMITTING",
            Self::Preparing => "PREPARING",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// How far the checkpoints of a topology are. Storm's `CheckPointState`.
///
/// | status | while all is well | after a failure |
/// |---|---|---|
/// | committing | commit, then it is committed | the same |
/// | committed | prepare the next transaction | tell the tasks to begin; nothing changes |
/// | preparing | prepare, then commit | roll back; the transaction before is committed |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckpointState {
    /// The latest transaction.
    pub txid: i64,
    /// What is the matter with it.
    pub status: Status,
}

impl CheckpointState {
    /// Nothing has been committed yet.
    pub const START: Self = Self { txid: -1, status: Status::Committed };

    /// What comes after the present step has been done everywhere.
    #[must_use]
    pub const fn next_state(self, recovering: bool) -> Self {
        let Self { txid, status } = self;
        match (status, recovering) {
            (Status::Preparing, true) => Self { txid: txid - 1, status: Status::Committed },
            (Status::Preparing, false) => Self { txid, status: Status::Committing },
            (Status::Committing, _) => Self { txid, status: Status::Committed },
            (Status::Committed, true) => self,
            (Status::Committed, false) => Self { txid: txid + 1, status: Status::Preparing },
        }
    }

    /// What the tasks are to do at present.
    #[must_use]
    pub const fn next_action(self, recovering: bool) -> Action {
        match (self.status, recovering) {
            (Status::Preparing | Status::Committed, false) => Action::Prepare,
            (Status::Committing, _) => Action::Commit,
            (Status::Preparing, true) => Action::Rollback,
            (Status::Committed, true) => Action::InitState,
        }
    }
}
