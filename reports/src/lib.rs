//! The result schema, and the tables, charts and pages made from it. Reports see results only:
//! nothing here knows an engine, a workload or the harness.

pub mod schema;
