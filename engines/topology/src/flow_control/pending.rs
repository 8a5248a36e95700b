//! Emissions that wait for room.

use std::collections::VecDeque;

/// Emissions of an executor that wait for room in their queues, in the order in which they were made.
/// While any waits, all later ones wait behind it, even where their own queue has room: tuples do not
/// overtake each other. An executor calls no component while something waits. Storm's `pendingEmits`.
#[derive(Clone, Debug)]
pub struct PendingEmits<T> {
    waiting: VecDeque<(usize, T)>,
}

impl<T> Default for PendingEmits<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> PendingEmits<T> {
    /// Nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Emits to queue number `to`. `send` puts it there, or gives it back if there is no room. Whether
    /// it has gone.
    pub fn emit(
        &mut self,
        to: usize,
        message: T,
        send: impl FnOnce(usize, T) -> Result<(), T>,
    ) -> bool {
        let refused = if self.waiting.is_empty() { send(to, message).err() } else { Some(message) };
        self.waiting.extend(refused.map(|message| (to, message)));
        self.waiting.is_empty()
    }

    /// Sends what waits, up to the first for which there is no room. Whether nothing waits any more.
    pub fn try_flush(&mut self, mut send: impl FnMut(usize, T) -> Result<(), T>) -> bool {
        while let Some((to, message)) = self.waiting.pop_front() {
            if let Err(message) = send(to, message) {
                self.waiting.push_front((to, message));
                return false;
            }
        }
        true
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Messages arrive in the order of all emissions, not only of those to the same queue.
        #[test]
        fn nothing_overtakes(steps in proptest::collection::vec((0..3usize, 0..3usize), 0..100)) {
            let mut pending = PendingEmits::new();
            let (mut arrived, mut room) = (Vec::new(), [0; 3]);
            let mut send = |room: &mut [usize; 3], to: usize, n: usize| {
                let left = room[to].checked_sub(1).ok_or(n)?;
                room[to] = left;
                arrived.push(n);
                Ok(())
            };
            for (n, (to, more)) in steps.iter().copied().enumerate() {
                room[more] += 1;
                let flushed = pending.try_flush(|to, n| send(&mut room, to, n));
                prop_assert_eq!(flushed, pending.is_empty());
                let gone = pending.emit(to, n, |to, n| send(&mut room, to, n));
                prop_assert_eq!(gone, pending.is_empty());
            }
            room = [steps.len(); 3];
            prop_assert!(pending.try_flush(|to, n| send(&mut room, to, n)));
            prop_assert_eq!(pending.len(), 0);
            prop_assert_eq!(arrived, (0..steps.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_blocks_those_behind_it() {
        let mut pending = PendingEmits::new();
        assert!(!pending.emit(0, 'a', |_, message| Err(message)));
        assert!(!pending.emit(1, 'b', |_, _| panic!("it must not be tried")));
        assert!(!pending.try_flush(|to, message| if to == 1 { Ok(()) } else { Err(message) }));
        assert_eq!(pending.len(), 2);
    }
}
