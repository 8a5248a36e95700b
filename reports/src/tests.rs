//! The documents as others see them: their schemas, those of older versions, and those that mean harm.

mod golden;
mod hostile;
mod schema;
