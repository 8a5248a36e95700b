//! The XOR acker.
//!
//! Every tuple is an edge of its tree with an id of its own. The acker keeps the XOR of what it is
//! told of a tree: the spout tells the edges it made, and a task that has handled a tuple tells that
//! tuple's edge XOR the edges it made meanwhile. Each edge is told twice, so the sum is zero exactly
//! when all are done, in whatever order the news arrives. XOR is associative: a task adds up what it
//! has to say of one tree before it says it.

use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Inbox, Notice, Verdict, deliver};
use crate::runtime::packet::UNTRACKED;
use crate::runtime::sync::channel::{Receiver, Sender, TryRecvError};
use crate::runtime::sync::size;
use crate::runtime::task::{Shared, TaskCounts};
use crate::runtime::trees::TreeTable;
use std::sync::Arc;
use weir_dataflow::Received;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// From the spout with this number.
    Init(u32),
    Ack,
    Fail,
    /// The tree is to live as long as a new one.
    Reset,
}

/// What a task says of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) root: u64,
    pub(crate) xor: u64,
    pub(crate) news: News,
}

/// Which of several ackers follows a tree. Ids are counted up, so each gets every so many-th.
#[inline(always)]
fn acker_of(root: u64, ackers: usize) -> usize {
    if ackers == 1 { 0 } else { (root % ackers as u64) as usize }
}

/// Ids of trees of different spouts differ in the bits from here on.
pub(crate) const ORIGIN: u32 = 40;

/// A task's way to the ackers.
#[derive(Debug)]
pub(crate) struct AckOut {
    ackers: Vec<(Sender<Vec<Account>>, Vec<Account>)>,
    limit: usize,
    census: Option<Arc<Census>>,
}

impl AckOut {
    /// To each acker in messages of `limit` accounts.
    pub(crate) fn new(
        ackers: Vec<Sender<Vec<Account>>>,
        limit: usize,
        census: Option<Arc<Census>>,
    ) -> Self {
        Self { ackers: ackers.into_iter().map(|to| (to, Vec::new())).collect(), limit, census }
    }

    /// Whether trees are tracked at all.
    pub(crate) fn tracks(&self) -> bool {
        !self.ackers.is_empty()
    }

    #[inline]
    pub(crate) fn push(
        &mut self,
        account: Account,
        inbox: Option<&mut Inbox>,
    ) -> Result<(), Closed> {
        if account.root == UNTRACKED || self.ackers.is_empty() {
            return Ok(());
        }
        let at = acker_of(account.root, self.ackers.len());
        let (to, accounts) = &mut self.ackers[at];
        match accounts.last_mut() {
            Some(last)
                if (last.root, last.news, account.news) == (account.root, News::Ack, News::Ack) =>
            {
                last.xor ^= account.xor;
            }
            _ => accounts.push(account),
        }
        if accounts.len() < self.limit {
            return Ok(());
        }
        let full = std::mem::replace(accounts, Vec::with_capacity(self.limit));
        deliver(to, full, inbox, self.census.as_deref())
    }

    /// Whether there is something to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.ackers.iter().all(|(_, accounts)| accounts.is_empty())
    }

    pub(crate) fn flush(&mut self, mut inbox: Option<&mut Inbox>) -> Result<(), Closed> {
        for (to, accounts) in &mut self.ackers {
            if !accounts.is_empty() {
                let accounts = std::mem::take(accounts);
                deliver(to, accounts, inbox.as_deref_mut(), self.census.as_deref())?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Tree {
    xor: u64,
    spout: Option<u32>,
    failed: bool,
}

impl Tree {
    /// How it has ended, and which spout to tell.
    #[inline]
    fn end(&self) -> Option<(u32, Verdict)> {
        let spout = self.spout?;
        if self.xor == 0 {
            Some((spout, Verdict::Acked))
        } else {
            self.failed.then_some((spout, Verdict::Failed))
        }
    }
}

/// The trees that one acker follows.
#[derive(Debug)]
pub(crate) struct AckerTable {
    /// Ackers that share the trees: of what this one follows, that is how far ids are apart.
    ackers: u64,
    /// By spout: the ids of trees without what they have in common, and the trees.
    spouts: Vec<(u64, TreeTable<Tree>)>,
}

impl AckerTable {
    /// Three buckets: a tree whose spout has given it up is forgotten after two to three timeouts.
    pub(crate) const BUCKETS: usize = 3;

    pub(crate) fn new(ackers: usize) -> Self {
        Self { ackers: ackers as u64, spouts: Vec::new() }
    }

    /// The table in which a tree is, and its id there.
    #[inline(always)]
    fn find(&mut self, root: u64) -> (&mut TreeTable<Tree>, u64) {
        let origin = root >> ORIGIN;
        let at = match self.spouts.iter().position(|(known, _)| *known == origin) {
            Some(at) => at,
            None => {
                self.spouts.push((origin, TreeTable::new(Self::BUCKETS)));
                self.spouts.len() - 1
            }
        };
        let id = if self.ackers == 1 { root } else { root / self.ackers };
        (&mut self.spouts[at].1, id)
    }

    /// Takes an account; tells if that ends the tree, how, and which spout to tell. A tree whose sum
    /// is zero is acked even if a task failed it.
    #[inline]
    pub(crate) fn take(&mut self, account: Account) -> Option<(u32, Verdict)> {
        if account.news == News::Reset {
            return self.reset(account.root);
        }
        let (trees, id) = self.find(account.root);
        trees.update(id, Tree::default, |tree| {
            tree.xor ^= account.xor;
            match account.news {
                News::Init(spout) => tree.spout = Some(spout),
                News::Ack | News::Reset => {}
                News::Fail => tree.failed = true,
            }
            tree.end()
        })
    }

    /// Makes a tree as young as a new one, known or not, and has its spout do the same.
    #[cold]
    fn reset(&mut self, root: u64) -> Option<(u32, Verdict)> {
        let (trees, id) = self.find(root);
        let tree = trees.remove(id).unwrap_or_default();
        if let Some(end) = tree.end() {
            return Some(end);
        }
        let spout = tree.spout;
        trees.insert_new(id, tree);
        Some((spout?, Verdict::Reset))
    }

    pub(crate) fn rotate(&mut self) {
        self.spouts.iter_mut().for_each(|(_, trees)| drop(trees.rotate()));
    }
}

/// Messages between two looks at the clock, and at verdicts that wait for company, while there are
/// more: a spout whose trees end one by one hears of it while others keep its acker busy.
const MESSAGES_PER_LOOK: usize = size(32, 2);

/// What an acker has in hand.
struct Desk {
    table: AckerTable,
    /// By spout.
    settled: Vec<Vec<(u64, Verdict)>>,
    counts: TaskCounts,
    rotate_at_ns: u64,
    /// Messages taken since it waited last, and since it looked last.
    taken: usize,
    unlooked: usize,
}

/// An acker executor.
pub(crate) struct AckerExecutor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) from: Receiver<Vec<Account>>,
    pub(crate) spouts: Vec<Sender<Notice>>,
    pub(crate) timeout_ns: u64,
    pub(crate) limit: usize,
    /// How many ackers there are.
    pub(crate) ackers: usize,
    /// Number among all executors.
    pub(crate) place: usize,
}

impl AckerExecutor {
    /// Runs until no task is left that could tell it anything.
    pub(crate) fn run(self) -> TaskCounts {
        let mut desk = Desk {
            table: AckerTable::new(self.ackers),
            settled: vec![Vec::new(); self.spouts.len()],
            counts: TaskCounts::default(),
            rotate_at_ns: self.shared.context.clock.now_ns().saturating_add(self.timeout_ns),
            taken: 0,
            unlooked: 0,
        };
        while let Some(accounts) = self.next(&mut desk) {
            desk.taken += 1;
            for account in accounts {
                let Some((spout, verdict)) = desk.table.take(account) else { continue };
                desk.counts.executed += u64::from(verdict != Verdict::Reset);
                let trees = &mut desk.settled[spout as usize];
                trees.push((account.root, verdict));
                if trees.len() >= self.limit {
                    self.tell(spout as usize, trees);
                }
            }
            desk.unlooked += 1;
            if desk.unlooked >= MESSAGES_PER_LOOK {
                self.look(&mut desk);
            }
        }
        self.tell_all(&mut desk.settled);
        self.shared.leave(self.place, desk.taken);
        desk.counts
    }

    fn next(&self, desk: &mut Desk) -> Option<Vec<Account>> {
        match self.from.try_recv() {
            Ok(accounts) => return Some(accounts),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        loop {
            self.look(desk);
            let taken = std::mem::take(&mut desk.taken);
            match self.shared.wait(self.place, taken, &self.from, desk.rotate_at_ns, || false) {
                Received::Message(accounts) => return Some(accounts),
                Received::Closed => return None,
                Received::TimedOut => {}
            }
        }
    }

    /// Tells the verdicts that are there, and forgets old trees if it is time.
    fn look(&self, desk: &mut Desk) {
        desk.unlooked = 0;
        self.tell_all(&mut desk.settled);
        let now_ns = self.shared.context.clock.now_ns();
        if now_ns >= desk.rotate_at_ns {
            desk.table.rotate();
            desk.rotate_at_ns = now_ns.saturating_add(self.timeout_ns);
        }
    }

    fn tell_all(&self, settled: &mut [Vec<(u64, Verdict)>]) {
        for (spout, trees) in settled.iter_mut().enumerate() {
            if !trees.is_empty() {
                self.tell(spout, trees);
            }
        }
    }

    fn tell(&self, spout: usize, trees: &mut Vec<(u64, Verdict)>) {
        // A spout that has ended waits for nothing.
        let notice = Notice::Settled(std::mem::take(trees));
        let to = &self.spouts[spout];
        let _ = self.shared.notify(spout, || deliver(to, notice, None, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::sync::channel::bounded;
    use Verdict::{Acked, Failed};

    fn account(root: u64, xor: u64, news: News) -> Account {
        Account { root, xor, news }
    }

    #[test]
    fn a_tree_ends_when_all_edges_were_told_twice_in_any_order() {
        // The spout makes edges a and b; the task of a makes c and d; one task handles each.
        let (a, b, c, d) = (3, 5, 9, 17);
        let told = [
            account(1, a ^ b, News::Init(4)),
            account(1, a ^ c ^ d, News::Ack),
            account(1, b, News::Ack),
            account(1, c, News::Ack),
            account(1, d, News::Ack),
        ];
        let mut order: Vec<usize> = (0..told.len()).collect();
        for swap in 0..120 {
            let mut table = AckerTable::new(1);
            for (k, at) in order.iter().enumerate() {
                let end = table.take(told[*at]);
                let last = k + 1 == told.len();
                assert_eq!(end, last.then_some((4, Acked)), "{order:?} at {k}");
            }
            order.swap(swap % 5, (swap * 7 + 1) % 5);
        }
    }

    #[test]
    fn verdict_table() {
        let rows: &[(&str, &[Account], &[Option<(u32, Verdict)>])] = &[
            (
                "a root with no edges is acked at once",
                &[account(1, 0, News::Init(0))],
                &[Some((0, Acked))],
            ),
            (
                "a failure before the init is remembered",
                &[account(1, 0, News::Fail), account(1, 7, News::Init(2))],
                &[None, Some((2, Failed))],
            ),
            (
                "a failure after the init counts at once",
                &[account(1, 7, News::Init(2)), account(1, 0, News::Fail)],
                &[None, Some((2, Failed))],
            ),
            (
                "a zero sum beats a failure",
                &[
                    account(1, 7, News::Ack),
                    account(1, 0, News::Fail),
                    account(1, 7, News::Init(0)),
                ],
                &[None, None, Some((0, Acked))],
            ),
            (
                "a tuple acked twice leaves the tree open",
                &[account(1, 7, News::Init(0)), account(1, 7, News::Ack), account(1, 7, News::Ack)],
                &[None, Some((0, Acked)), None],
            ),
            (
                "trees do not mix",
                &[
                    account(1, 7, News::Init(0)),
                    account(2, 7, News::Init(1)),
                    account(2, 7, News::Ack),
                ],
                &[None, None, Some((1, Acked))],
            ),
        ];
        for (name, told, want) in rows {
            let mut table = AckerTable::new(1);
            let got: Vec<_> = told.iter().map(|account| table.take(*account)).collect();
            assert_eq!(got, *want, "{name}");
        }
    }

    #[test]
    fn a_tree_is_forgotten_after_three_rotations() {
        for (rotations, end) in [(0, Some((0, Acked))), (2, Some((0, Acked))), (3, None)] {
            let mut table = AckerTable::new(1);
            table.take(account(1, 7, News::Init(0)));
            (0..rotations).for_each(|_| table.rotate());
            assert_eq!(table.take(account(1, 7, News::Ack)), end, "{rotations}");
        }
    }

    #[test]
    fn a_reset_makes_a_tree_young_and_goes_on_to_its_spout() {
        let reset = account(1, 0, News::Reset);
        let mut table = AckerTable::new(1);
        assert_eq!(table.take(reset), None, "no spout is known yet");
        table.take(account(1, 7, News::Init(3)));
        for _ in 0..4 {
            table.rotate();
            table.rotate();
            assert_eq!(table.take(reset), Some((3, Verdict::Reset)));
        }
        table.rotate();
        assert_eq!(table.take(account(1, 7, News::Ack)), Some((3, Acked)));
    }

    #[test]
    fn accounts_of_one_tree_are_added_up_by_the_sender() {
        let (send, from) = bounded(4);
        let mut out = AckOut::new(vec![send], 2, None);
        for (root, xor) in [(1, 3), (1, 5), (2, 9), (UNTRACKED, 1)] {
            out.push(account(root, xor, News::Ack), None).expect("open");
        }
        out.flush(None).expect("open");
        let want = vec![account(1, 6, News::Ack), account(2, 9, News::Ack)];
        assert_eq!(from.try_iter().collect::<Vec<_>>(), [want]);
    }

    /// One spout keeps the acker busy for ever: its inbox is full, so that there is always more.
    #[test]
    fn a_spout_hears_of_its_tree_although_another_keeps_the_acker_busy() {
        let messages = 2 * MESSAGES_PER_LOOK as u64;
        let (to, from) = bounded(messages as usize + 1);
        let (to_busy, busy) = bounded(MESSAGES_PER_LOOK + 8);
        let (to_quiet, quiet) = bounded(1);
        to.send(vec![account(1, 0, News::Init(1))]).expect("room");
        for root in 2..2 + messages {
            let trees = [root, root + messages].map(|root| account(root, 0, News::Init(0)));
            to.send(trees.to_vec()).expect("room");
        }
        let inboxes = vec![to_busy, to_quiet];
        let shared = crate::runtime::task::testing::shared(0, 2, &inboxes);
        let (timeout_ns, limit) = (u64::MAX, 2);
        let acker =
            AckerExecutor { shared, from, spouts: inboxes, timeout_ns, limit, ackers: 1, place: 0 };
        std::thread::scope(|scope| {
            scope.spawn(move || acker.run());
            let heard = quiet.recv_timeout(std::time::Duration::from_secs(20));
            drop((busy, to));
            assert!(matches!(heard, Ok(Notice::Settled(trees)) if trees == [(1, Acked)]));
        });
    }
}
