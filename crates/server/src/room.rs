//! Places for connections: which connection gets one, and which must leave.
//!
//! When all are taken, the connection that lets the server wait the longest leaves, first among those of the network
//! that has the most. No network has all places: some are for others. A connection that finds none waits, and a network
//! with many waiting connections loses the first of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::Id;

use crate::ends::Ends;
use crate::link::{Link, Network};

/// How long a connection may let the server wait before it may have to leave: enough for a head that is on its way.
const GRACE: Duration = Duration::from_millis(100);

/// Connections that wait for a place. With those served they are far below the 1024 file descriptors that many systems
/// give a process.
const WAITING_MAX: usize = 128;

/// One of so many places is not for a network that has all others.
const RESERVED_ONE_OF: usize = 8;

/// A connection that was accepted.
pub(crate) type Arrival = (TcpStream, Ends);

/// The places, and the connections that wait for one.
#[derive(Debug)]
pub(crate) struct Room {
    places_max: usize,
    share_max: usize,
    taken: HashMap<Id, Arc<Link>>,
    waiting: VecDeque<Arrival>,
}

impl Room {
    pub(crate) fn new(places_max: usize) -> Self {
        let share_max = places_max - places_max / RESERVED_ONE_OF;
        Self { places_max, share_max, taken: HashMap::new(), waiting: VecDeque::new() }
    }

    /// Whether a connection waits.
    pub(crate) fn is_crowded(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether no connection is served.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// A connection came.
    pub(crate) fn came(&mut self, arrival: Arrival) {
        self.waiting.push_back(arrival);
        if self.waiting.len() <= WAITING_MAX {
            return;
        }
        let counts = count(self.waiting.iter().map(network));
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let first = self
            .waiting
            .iter()
            .position(|arrival| most.is_some_and(|(most, _)| most == network(arrival)));
        // Dropped, which closes it.
        first.and_then(|first| self.waiting.remove(first));
    }

    /// A connection got a place.
    pub(crate) fn took(&mut self, id: Id, link: Arc<Link>) {
        self.taken.insert(id, link);
    }

    /// A connection is gone.
    pub(crate) fn left(&mut self, id: Id) {
        self.taken.remove(&id);
    }

    /// The next that has a place: of those that wait, one of the network that has the fewest.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        if self.waiting.is_empty() {
            return None;
        }
        let counts = count(self.taken.values().map(|link| link.network));
        let held = |network: Network| counts.get(&network).copied().unwrap_or(0);
        let (at, network, held) = self
            .waiting
            .iter()
            .enumerate()
            .map(|(at, arrival)| (at, network(arrival), held(network(arrival))))
            .min_by_key(|(at, _, held)| (*held, *at))?;
        let full = self.taken.len() >= self.places_max;
        if !full && held < self.share_max {
            return self.waiting.remove(at);
        }
        let leaving = self.taken.values().filter(|link| link.closed.is_cancelled()).count();
        if leaving < self.waiting.len() {
            self.make_room(&counts, (!full || held >= self.share_max).then_some(network));
        }
        None
    }

    /// There are fewer places than was thought: a connection must leave for the next that comes.
    pub(crate) fn close_slowest(&self) {
        self.make_room(&count(self.taken.values().map(|link| link.network)), None);
    }

    /// Closes the connection that lets the server wait the longest; only one of `network`, if there is one.
    fn make_room(&self, counts: &HashMap<Network, usize>, network: Option<Network>) {
        let slowest = self
            .taken
            .values()
            .filter(|link| network.is_none_or(|network| network == link.network))
            .filter(|link| !link.closed.is_cancelled())
            .filter_map(|link| Some((link, link.waits().filter(|waits| *waits >= GRACE)?)))
            .max_by_key(|(link, waits)| (counts.get(&link.network), *waits));
        if let Some((link, _)) = slowest {
            link.closed.cancel();
        }
    }

    /// Closes those that let the server wait for longer than `time_max`, or take nothing of what was sent for longer than
    /// `send_time_max`.
    pub(crate) fn sweep(&self, time_max: Duration, send_time_max: Duration) {
        for link in self.taken.values() {
            let waits = link.waits().is_some_and(|waits| waits > time_max);
            if waits || link.is_full_for(send_time_max) {
                link.closed.cancel();
            }
        }
    }
}

fn network((_, ends): &Arrival) -> Network {
    ends.peer.ip().into()
}

/// How often each comes.
pub(crate) fn count(networks: impl Iterator<Item = Network>) -> HashMap<Network, usize> {
    let mut counts = HashMap::new();
    networks.for_each(|network| *counts.entry(network).or_default() += 1);
    counts
}
