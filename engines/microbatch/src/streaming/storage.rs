//! How the RDDs of a stream are kept.

/// Spark's storage levels, as far as a stream distinguishes them. A stream's RDDs are kept in memory
/// in any level but [`None`](Self::None); the names are kept, so that programs and checks read as in
/// Spark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StreamStorage {
    /// Nothing is kept: each job computes what it needs.
    #[default]
    None,
    /// What an RDD's `persist` means by default.
    MemoryOnly,
    /// What a stream's `persist` means by default.
    MemoryOnlySer,
}
