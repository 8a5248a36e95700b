//! What a state map refuses.

use weir_microbatch::state_map::{StateMap, StateMapError};

#[test]
fn parameter_validation() {
    let made = |capacity, threshold| StateMap::<u8, u8>::new(capacity, threshold).err();
    assert_eq!(made(0, 20), Some(StateMapError::InitialCapacity));
    assert_eq!(made(64, 0), Some(StateMapError::DeltaChainThreshold));
    assert_eq!(made(1, 1), None);
}
