//! Names that the engine gives, and numbers.

/// The number of a task, among all tasks of a topology; from 1, and -1 for the system.
pub type TaskId = i32;

/// The component that tuples of the system come from.
pub const SYSTEM_COMPONENT: &str = "__system";
/// The stream of tuples that tell that time has passed.
pub const TICK_STREAM: &str = "__tick";
/// The stream of whoever declares and names none.
pub const DEFAULT_STREAM: &str = "default";
/// A stream that every component has and that carries what the system says.
pub const SYSTEM_STREAM: &str = "__system";

/// Whether an id belongs to the engine, or is none.
pub(crate) fn is_reserved(id: &str) -> bool {
    id.is_empty() || id.starts_with("__")
}
