//! A spout's inbox, and sending in a way that cannot lock up.

use crate::runtime::census::Census;
use crate::runtime::sync::channel::{Mailbox, Post, TrySendError, send_or_receive};
use crate::runtime::sync::{Turn, size};
use std::collections::VecDeque;

/// What an acker says of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ended well.
    Acked,
    /// A bolt failed a tuple of it.
    Failed,
    /// It goes on, and its timeout starts anew.
    Reset,
}

/// What comes to a spout from behind.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Trees that ended, from an acker.
    Settled(Vec<(u64, Verdict)>),
    /// Something that the spout waits for may have changed: look again.
    Wake,
}

/// Notices that an inbox holds; each may settle many trees.
pub(crate) const INBOX_CAPACITY: usize = size(256, 1);

/// A peer is gone; whatever went wrong with it has been noted where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// The receiving end of the one edge that closes the cycle (see the crate's page).
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) from: Mailbox<Notice>,
    /// Taken while waiting for room elsewhere, not yet acted upon. Bounded by the open trees.
    pub(crate) settled: VecDeque<(u64, Verdict)>,
    /// Whether a [`Notice::Wake`] was taken since the spout looked last: it must look before it waits.
    pub(crate) woken: bool,
    /// Notices taken since the spout waited last, for the census.
    pub(crate) taken: usize,
}

impl Inbox {
    pub(crate) fn new(from: Mailbox<Notice>) -> Self {
        Self { from, settled: VecDeque::new(), woken: false, taken: 0 }
    }

    pub(crate) fn keep(&mut self, notice: Notice) {
        self.taken += 1;
        match notice {
            Notice::Settled(trees) => self.settled.extend(trees),
            Notice::Wake => self.woken = true,
        }
    }

    /// Takes what is there.
    pub(crate) fn drain(&mut self) {
        while let Ok(notice) = self.from.try_recv() {
            self.keep(notice);
        }
    }
}

/// Sends, waiting for room if there is none. With an inbox, takes from it while waiting.
#[inline]
pub(crate) fn deliver<M>(
    to: &Post<M>,
    message: M,
    inbox: Option<&mut Inbox>,
    census: Option<&Census>,
) -> Result<(), Closed> {
    if let Some(census) = census {
        census.sending();
    }
    let sent = match to.try_send(message) {
        Ok(()) => return Ok(()),
        Err(TrySendError::Disconnected(_)) => Err(Closed),
        Err(TrySendError::Full(message)) => wait_and_send(to, message, inbox),
    };
    if let (Err(Closed), Some(census)) = (&sent, census) {
        census.not_sent();
    }
    sent
}

#[cold]
fn wait_and_send<M>(to: &Post<M>, mut message: M, inbox: Option<&mut Inbox>) -> Result<(), Closed> {
    let Some(inbox) = inbox else { return to.send(message).map_err(|_| Closed) };
    loop {
        message = match send_or_receive(to, message, &inbox.from) {
            Turn::Sent => return Ok(()),
            Turn::Closed => return Err(Closed),
            Turn::Received(notice, message) => {
                inbox.keep(notice);
                message
            }
            // Nobody is left who could be waiting for the inbox.
            Turn::Alone(message) => return to.send(message).map_err(|_| Closed),
        };
    }
}
