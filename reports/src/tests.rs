//! The documents as others see them: their schemas, and those of older versions.

mod golden;
mod schema;
