//! Where states are kept.

use super::memory::Rooms;
use super::{DiskKeyValueState, KeyValueState, State, StateError, StateKey, StateValue, Stored};
use crate::{Config, TopologyContext, TopologyError};
use std::path::{Path, PathBuf};

/// A map that is kept where the configuration says.
pub type KeyValue<K, V> = Box<dyn KeyValueState<K, V> + Send>;

/// Whose state it is: a task of a component of a topology.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    /// The topology's name.
    pub topology: String,
    /// The component's id, or more for one that keeps several states.
    pub component: String,
    /// The place of the task among those of its component, from 0: unlike the task's number, it stays
    /// when other components are added.
    pub task: usize,
}

impl Namespace {
    /// The namespace of a task.
    #[must_use]
    pub fn of(context: &TopologyContext) -> Self {
        Self {
            topology: context.topology_name().to_owned(),
            component: context.component_id().to_owned(),
            task: context.task_index(),
        }
    }

    /// The namespace of another state of the same task.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self { component: format!("{}/{name}", self.component), ..self.clone() }
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.topology, self.component, self.task)
    }
}

/// Opens states. Clones open the same ones, so an executor that is started again finds what the one
/// before has committed.
#[derive(Clone, Debug)]
pub struct StateProvider(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Memory(Rooms),
    Disk(PathBuf),
}

impl StateProvider {
    /// Keeps states in memory, as long as there is a clone of this provider.
    #[must_use]
    pub fn memory() -> Self {
        Self(Kind::Memory(Rooms::default()))
    }

    /// Keeps states in files in a folder, which is made when the first is opened.
    #[must_use]
    pub fn disk(folder: impl Into<PathBuf>) -> Self {
        Self(Kind::Disk(folder.into()))
    }

    /// What a configuration says: [`Config::TOPOLOGY_STATE_PROVIDER`] is `memory` or `disk`, and
    /// [`Config::TOPOLOGY_STATE_PROVIDER_CONFIG`] is then the folder.
    pub fn from_config(conf: &Config) -> Result<Self, TopologyError> {
        let kind = conf.text(Config::TOPOLOGY_STATE_PROVIDER)?.unwrap_or_default();
        let folder = conf.text(Config::TOPOLOGY_STATE_PROVIDER_CONFIG);
        match (&*kind, folder) {
            ("memory", _) => Ok(Self::memory()),
            ("disk", Ok(Some(folder))) if !folder.is_empty() => Ok(Self::disk(folder)),
            ("disk", Err(error)) => Err(error),
            ("disk", Ok(_)) => Err(TopologyError::BadSetting {
                key: Config::TOPOLOGY_STATE_PROVIDER_CONFIG.into(),
                value: "not set".into(),
                wanted: "the folder in which state is kept on disk".into(),
            }),
            (other, _) => Err(TopologyError::BadSetting {
                key: Config::TOPOLOGY_STATE_PROVIDER.into(),
                value: other.into(),
                wanted: "memory or disk".into(),
            }),
        }
    }

    /// Whether what it keeps outlives the process.
    pub(crate) const fn is_on_disk(&self) -> bool {
        matches!(self.0, Kind::Disk(_))
    }

    /// Opens the map of a namespace, empty at first. After a failure it is as it was committed last,
    /// with what was prepared on top of that, if something was. Only one at a time may be open.
    pub fn key_value<K: StateKey + Stored, V: StateValue + Stored>(
        &self,
        namespace: &Namespace,
    ) -> Result<KeyValue<K, V>, StateError> {
        match &self.0 {
            Kind::Memory(rooms) => Ok(Box::new(rooms.open(&namespace.to_string())?)),
            Kind::Disk(folder) => {
                let state = DiskKeyValueState::open(&file(folder, namespace), namespace)?;
                Ok(Box::new(state))
            }
        }
    }
}

/// The file of a namespace.
fn file(folder: &Path, namespace: &Namespace) -> PathBuf {
    let name = format!("{}-{}.redb", plain(&namespace.component), namespace.task);
    folder.join(plain(&namespace.topology)).join(name)
}

/// A text as part of a file's name: what could mean something else there is escaped.
fn plain(text: &str) -> String {
    use std::fmt::Write as _;
    let mut plain = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            plain.push(char::from(byte));
        } else {
            // Writing to a string succeeds.
            let _ = write!(plain, "%{byte:02x}");
        }
    }
    plain
}

/// State that a [`StateProvider`] opens for a task. A bolt that keeps several states implements it,
/// and [`State`], for a struct of them.
pub trait ProvidedState: State + Sized + 'static {
    /// Opens it.
    fn open(provider: &StateProvider, namespace: &Namespace) -> Result<Self, StateError>;
}

impl<K: StateKey + Stored, V: StateValue + Stored> ProvidedState for KeyValue<K, V> {
    fn open(provider: &StateProvider, namespace: &Namespace) -> Result<Self, StateError> {
        provider.key_value(namespace)
    }
}
