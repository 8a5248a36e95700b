//! The XOR acker.
//!
//! Every tuple is an edge of its tree with an id of its own. The acker keeps the XOR of what it is
//! told of a tree: the spout tells the edges it made, and a task that has handled a tuple tells that
//! tuple's edge XOR the edges it made meanwhile. Each edge is told twice, so the sum is zero exactly
//! when all are done, in whatever order the news arrives. XOR is associative: a task adds up what it
//! has to say of one tree before it says it.
//!
//! Who has nothing to say does not say it. Of the runs of tuples that come of some that a task has
//! handled, the last gets no new edge but what makes all add up to those that are done: their edges are
//! **handed on**, and the task owes the acker nothing. New edges are mixed counters, and one that is
//! handed on stands for some that are done and may stand for others of the same task; so among the open
//! edges of a tree none is ever the sum of others, and only no edge adds up to zero. It has to be the
//! last run: if an earlier one had the edges that are done, its receiver could end the tree before the
//! acker hears of the others. And the edge of a tuple that was held is told, never handed on: what its
//! task has emitted for it before may not have been told yet.
//!
//! Likewise the first edges of a tree follow from its id, as its spout does, so that an acker need not be
//! told that it begins. In a chain of tasks only the last one tells the acker anything; Storm has every
//! task do so.

use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Inbox, Notice, Verdict, deliver};
use crate::runtime::packet::{UNTRACKED, mix64};
use crate::runtime::sync::channel::{Mailbox, Post, TryRecvError};
use crate::runtime::sync::size;
use crate::runtime::task::{Shared, TaskCounts};
use crate::runtime::trees::TreeTable;
use std::sync::Arc;
use weir_dataflow::Received;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// From the spout with this number, of a tree whose id does not say so (see [`Begin`]).
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

/// What a task has come to owe the acker of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) root: u64,
    /// Edges of tuples that are done and have not been handed on.
    pub(crate) done: u64,
    /// New edges.
    pub(crate) made: u64,
    pub(crate) news: News,
}

impl Balance {
    /// Nothing is owed yet.
    #[inline(always)]
    pub(crate) const fn of(root: u64) -> Self {
        Self { root, done: 0, made: 0, news: News::Ack }
    }

    /// The edges of a run of tuples that came of those that are done, if some are, and whether it is the
    /// last: then nothing is owed any more. Edges of tuples that are not done stay with them.
    #[inline(always)]
    pub(crate) fn edges(&mut self, last: bool, new: impl FnOnce() -> u64) -> u64 {
        if last && self.done != 0 {
            return std::mem::take(&mut self.done) ^ std::mem::take(&mut self.made);
        }
        let new = new();
        self.made ^= new;
        new
    }

    /// What there is to tell.
    #[inline(always)]
    pub(crate) const fn account(self) -> Account {
        Account { root: self.root, xor: self.done ^ self.made, news: self.news }
    }
}

impl From<Account> for Balance {
    fn from(Account { root, xor, news }: Account) -> Self {
        Self { root, done: 0, made: xor, news }
    }
}

/// What the first edges of a tree add up to: an edge that its spout is done with from the start. The
/// counters that new edges are mixed from begin at the other end of the numbers.
#[inline(always)]
pub(crate) const fn first_edge(root: u64) -> u64 {
    mix64(!root)
}

/// Which of several ackers follows a tree. Ids are counted up, so each gets every so many-th.
#[inline(always)]
fn acker_of(root: u64, ackers: usize) -> usize {
    if ackers == 1 { 0 } else { (root % ackers as u64) as usize }
}

/// Ids of trees have one more than the number of their spout in the bits from here on.
pub(crate) const ORIGIN: u32 = 40;

/// A task's way to the ackers.
#[derive(Debug)]
pub(crate) struct AckOut {
    ackers: Vec<(Post<Vec<Account>>, Vec<Account>)>,
    limit: usize,
    census: Option<Arc<Census>>,
}

impl AckOut {
    /// To each acker in messages of `limit` accounts.
    pub(crate) fn new(
        ackers: Vec<Post<Vec<Account>>>,
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
        let nothing = account.xor == 0 && account.news == News::Ack;
        if nothing || account.root == UNTRACKED || self.ackers.is_empty() {
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

/// How an acker comes to know of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Its id says which spout it is of, and what its first edges add up to.
    Known,
    /// Its spout tells, as in Storm.
    Told,
}

impl Begin {
    #[inline(always)]
    fn tree(self, root: u64) -> Tree {
        match self {
            Self::Known => {
                let spout = (root >> ORIGIN).checked_sub(1).map(|spout| spout as u32);
                Tree { xor: first_edge(root), spout, failed: false }
            }
            Self::Told => Tree::default(),
        }
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
    begin: Begin,
    /// Ackers that share the trees: of what this one follows, that is how far ids are apart.
    ackers: u64,
    /// By spout: the ids of trees without what they have in common, and the trees.
    spouts: Vec<(u64, TreeTable<Tree>)>,
}

impl AckerTable {
    /// Three buckets: a tree whose spout has given it up is forgotten after two to three timeouts.
    pub(crate) const BUCKETS: usize = 3;

    pub(crate) fn new(ackers: usize, begin: Begin) -> Self {
        Self { begin, ackers: ackers as u64, spouts: Vec::new() }
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
        let begin = self.begin;
        let (trees, id) = self.find(account.root);
        let end = trees.update(
            id,
            || begin.tree(account.root),
            |tree| {
                tree.xor ^= account.xor;
                match account.news {
                    News::Init(spout) => tree.spout = Some(spout),
                    News::Ack | News::Reset => {}
                    News::Fail => tree.failed = true,
                }
                tree.end()
            },
        );
        if let Some((_, Verdict::Failed)) = end {
            self.bury(account.root);
        }
        end
    }

    /// Of a tree that has failed, more may be heard. It ends once all the same.
    #[cold]
    fn bury(&mut self, root: u64) {
        if self.begin == Begin::Known {
            let (trees, id) = self.find(root);
            trees.insert_new(id, Tree::default());
        }
    }

    /// Makes a tree as young as a new one, known or not, and has its spout do the same.
    #[cold]
    fn reset(&mut self, root: u64) -> Option<(u32, Verdict)> {
        let begin = self.begin;
        let (trees, id) = self.find(root);
        let tree = trees.remove(id).unwrap_or_else(|| begin.tree(root));
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
    pub(crate) from: Mailbox<Vec<Account>>,
    pub(crate) spouts: Vec<Post<Notice>>,
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
            table: AckerTable::new(self.ackers, Begin::Known),
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
mod tests;
