//! Which files of a directory belong to a batch, and what is in them.

mod read;
mod select;

pub use read::{FileError, fixed_length_records, text_lines};
pub use select::{
    FileSelection, FileSelector, FileStatus, accept_visible, is_new_file, list,
    num_batches_to_remember,
};
