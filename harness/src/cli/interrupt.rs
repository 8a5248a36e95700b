//! Ctrl-C: the first asks for a clean end, the second does not wait for it.

use super::exit;
use weir_dataflow::Cancel;

/// A token that is pulled when the process is interrupted. Where the system takes no handler, an
/// interrupt ends the process as it always did.
pub(super) fn cancel() -> Cancel {
    let cancel = Cancel::new();
    let pulled = cancel.clone();
    let _ = ctrlc::set_handler(move || {
        if pulled.is_cancelled() {
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
        pulled.cancel();
    });
    cancel
}
