//! How much CPU time an isolate has used, and may use.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Control, Reason};
use crate::thread_clock::ThreadClock;

/// CPU time that an isolate may use, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuLimit {
    /// For its start.
    Startup(Duration),
    /// For a request, and what it leaves behind.
    Request(Duration),
    /// Any.
    None,
}

/// A thread runs an isolate, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    control: Arc<Control>,
    /// The thread whose time is counted is the one that ends the turn.
    here: PhantomData<*const ()>,
}

impl Turn {
    pub(super) fn of(control: Arc<Control>) -> Self {
        Self { control, here: PhantomData }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.control.end_turn();
    }
}

/// What was used and may be used. An owner that has opened an account is charged for what the isolate uses in its name.
/// The others share one, which gets more whenever an account is opened.
#[derive(Default)]
pub(super) struct Account {
    /// In turns that ended.
    used: Duration,
    running: Option<Running>,
    /// What each may use, and what is said of more.
    limit: Option<(Duration, Reason)>,
    /// What was used in each name that has an account, before the isolate last began to run in it.
    spent: HashMap<u32, Duration>,
    /// The same of all others together, since there was more for them.
    shared: Duration,
    /// In whose name it runs.
    owner: u32,
    /// What was used when it began to.
    since: Duration,
    /// Whether a soft stop was raised in this turn, and in this name.
    pub(super) signalled: bool,
    /// The owners that were told of it and have not settled it; [`SHARED`] for those without an account.
    told: HashSet<u32>,
}

/// All owners without an account; none of them has this number.
const SHARED: u32 = 0;

/// A turn that has not ended.
struct Running {
    clock: ThreadClock,
    /// What the clock showed when it began.
    since: Duration,
}

impl Account {
    pub(super) fn begin(&mut self, clock: ThreadClock) {
        self.end();
        self.running = Some(Running { clock, since: clock.now() });
    }

    pub(super) fn end(&mut self) {
        self.used = self.used();
        self.running = None;
        self.forget_signal();
    }

    /// A soft stop that was told to the present payer is not told again; to any other it is.
    fn forget_signal(&mut self) {
        self.signalled = self.told.contains(&self.payer());
    }

    /// Who is charged now.
    fn payer(&self) -> u32 {
        if self.spent.contains_key(&self.owner) { self.owner } else { SHARED }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// All that was used until now.
    pub(super) fn used(&self) -> Duration {
        self.used_by_running().unwrap_or(self.used)
    }

    /// All that was used until now, if the isolate runs.
    pub(super) fn used_by_running(&self) -> Option<Duration> {
        let running = self.running.as_ref()?;
        Some(self.used + running.clock.now().saturating_sub(running.since))
    }

    /// At how much used time the isolate is stopped, and why, if it goes on in the same name.
    pub(super) fn deadline(&self) -> Option<(Duration, Reason)> {
        let (limit, reason) = self.limit?;
        let spent = self.spent.get(&self.owner).copied().unwrap_or(self.shared);
        Some((self.since.saturating_add(limit).saturating_sub(spent), reason))
    }

    /// Why an owner was told of a soft stop, if it has neither settled that nor closed its account since.
    pub(super) fn told(&self) -> Option<Reason> {
        let goes_on = |owner: &u32| *owner == SHARED || self.spent.contains_key(owner);
        self.was_told().filter(|_| self.told.iter().any(goes_on))
    }

    /// Why an owner was told of a soft stop, while it has not settled that.
    pub(super) fn was_told(&self) -> Option<Reason> {
        let (_, reason) = self.limit?;
        (!self.told.is_empty()).then_some(reason)
    }

    /// Whether it was `owner`.
    pub(super) fn has_heard(&self, owner: u32) -> bool {
        self.told.contains(&owner)
    }

    pub(super) fn tell(&mut self) {
        self.told.insert(self.payer());
    }

    /// What `owner` was told has had its effect, and so has what owners without an account were told: they may use as
    /// much again for what is left to do. Other owners may have lost the message.
    pub(super) fn settle(&mut self, owner: u32, limit: CpuLimit) {
        self.told.remove(&SHARED);
        if self.told.remove(&owner)
            && let Some(spent) = self.spent.get_mut(&owner)
        {
            *spent = Duration::ZERO;
            if owner == self.owner {
                self.since = self.used();
            }
        }
        self.forget_signal();
        self.extend(limit);
    }

    /// Those that have no account may use so much from now on.
    pub(super) fn extend(&mut self, limit: CpuLimit) {
        // Work that has used up its time and goes on gets no more because another owner comes.
        if self.told.contains(&SHARED) {
            return;
        }
        self.limit = match limit {
            CpuLimit::Startup(limit) => Some((limit, Reason::StartupCpuTime { limit })),
            CpuLimit::Request(limit) => Some((limit, Reason::CpuTime { limit })),
            CpuLimit::None => None,
        };
        self.shared = Duration::ZERO;
        if !self.spent.contains_key(&self.owner) {
            self.since = self.used();
        }
    }

    /// Opens an account, in whose name the isolate runs from now on.
    pub(super) fn open(&mut self, owner: u32, limit: CpuLimit) {
        if owner == self.owner {
            self.since = self.used();
        } else {
            self.run_as(owner);
        }
        self.spent.insert(owner, Duration::ZERO);
        self.extend(limit);
    }

    pub(super) fn close(&mut self, owner: u32) {
        self.spent.remove(&owner);
    }

    /// Charges the owner before, and runs for `owner`. Says whether that one has used up its time and is not told.
    pub(super) fn run_as(&mut self, owner: u32) -> bool {
        if owner == self.owner {
            return false;
        }
        let used = self.used();
        let took = used.saturating_sub(self.since);
        *self.spent.get_mut(&self.owner).unwrap_or(&mut self.shared) += took;
        (self.owner, self.since) = (owner, used);
        self.forget_signal();
        !self.signalled && self.deadline().is_some_and(|(deadline, _)| deadline <= used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);
    const STEP: Duration = Duration::from_millis(20);

    fn account() -> Account {
        let mut account = Account::default();
        account.extend(CpuLimit::Request(LIMIT));
        account
    }

    /// What is left in the name in which it runs.
    fn left(account: &Account) -> Duration {
        account.deadline().unwrap().0.saturating_sub(account.used())
    }

    #[test]
    fn each_is_charged_for_its_own() {
        let mut account = account();
        account.open(1, CpuLimit::Request(LIMIT));
        for number in 2..100 {
            account.used += STEP / 20;
            account.open(number, CpuLimit::Request(LIMIT));
            account.used += STEP;
            assert_eq!(left(&account), LIMIT - STEP);
            let is_over = account.run_as(1);
            assert_eq!(is_over, number > 50, "{number}");
            account.close(number);
        }
        assert_eq!(account.spent.len(), 1);
    }

    #[test]
    fn others_share() {
        let mut account = account();
        account.used += STEP;
        assert_eq!(left(&account), LIMIT - STEP);
        account.open(1, CpuLimit::Request(LIMIT));
        account.run_as(0);
        assert_eq!(left(&account), LIMIT);
        account.used += 3 * STEP;
        assert_eq!(left(&account), Duration::ZERO);
        assert!(!account.run_as(1));
        assert!(account.run_as(0));
    }

    #[test]
    fn who_was_told_gets_more_when_it_was_of_use() {
        let mut account = account();
        account.open(1, CpuLimit::Request(LIMIT));
        account.used += 3 * STEP;
        account.signalled = true;
        account.tell();
        account.open(2, CpuLimit::Request(LIMIT));
        assert!(!account.signalled);
        assert_eq!(left(&account), LIMIT);
        assert!(!account.run_as(1), "it was told");
        assert!(account.signalled && left(&account).is_zero());
        account.settle(1, CpuLimit::Request(LIMIT));
        assert!(account.told().is_none() && !account.signalled);
        assert_eq!(left(&account), LIMIT);
    }

    #[test]
    fn what_one_lost_is_not_settled_by_another() {
        let mut account = account();
        for owner in [1, 2] {
            account.open(owner, CpuLimit::Request(LIMIT));
            account.used += LIMIT;
            account.tell();
        }
        account.settle(2, CpuLimit::Request(LIMIT));
        assert!(account.told().is_some());
        assert!(!account.signalled && left(&account) == LIMIT);
        account.run_as(1);
        assert!(account.signalled && left(&account).is_zero());
    }

    #[test]
    fn whose_account_is_closed_waits_for_nothing() {
        let mut account = account();
        account.open(1, CpuLimit::Request(LIMIT));
        account.tell();
        account.close(1);
        assert!(account.told().is_none() && account.was_told().is_some());
        // What it left behind belongs to no account.
        account.tell();
        assert!(account.told().is_some());
        account.settle(2, CpuLimit::Request(LIMIT));
        assert!(account.told().is_none());
    }
}
