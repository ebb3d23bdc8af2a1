//! The counting, without an isolate.

use super::{Admitted, Allowances, Limits};
use crate::Error;

fn allowances(subrequests: u32, log_kb: u32) -> Allowances {
    Allowances::new(Limits { timers: 3, subrequests, log_kb, ..Limits::default() })
}

/// How many fetches are left to `owner`; takes them.
fn fetches(allowances: &Allowances, owner: u32) -> usize {
    (0..1000).take_while(|_| allowances.subrequest(owner).is_ok()).count()
}

#[test]
fn each_request_has_its_share() {
    let allowances = allowances(10, 1);
    assert_eq!(fetches(&allowances, 0), 10, "the top level");
    allowances.begin(1);
    allowances.begin(2);
    assert_eq!(fetches(&allowances, 1), 10, "one request");
    assert_eq!(fetches(&allowances, 1), 0, "that of the other is its own");
    assert_eq!(fetches(&allowances, 2), 10, "the other");
}

#[test]
fn others_have_one_together() {
    let allowances = allowances(10, 1);
    allowances.begin(1);
    assert_eq!(fetches(&allowances, 0), 10, "nobody's");
    assert_eq!(fetches(&allowances, 7), 0, "a request that has ended");
    allowances.begin(2);
    assert_eq!(fetches(&allowances, 7), 10, "when another begins");
    allowances.end(1);
    assert_eq!(fetches(&allowances, 1), 0);
    assert_eq!(fetches(&allowances, 2), 10);
}

#[test]
fn a_log_ends_with_one_notice() {
    let allowances = allowances(1, 1);
    let admitted = |bytes| Admitted { bytes, notice: None };
    let notice =
        Some("log truncated: limit of 1 KiB for a request (`taipan.limits.log_kb`)".to_owned());
    allowances.begin(1);
    assert_eq!(allowances.log(1, 1000), admitted(1000));
    assert_eq!(allowances.log(2, 1000), admitted(1000));
    assert_eq!(allowances.log(1, 24), admitted(24));
    assert_eq!(allowances.log(1, 0), admitted(0));
    assert_eq!(allowances.log(1, 1), Admitted { bytes: 0, notice: notice.clone() });
    assert_eq!(allowances.log(1, 1), admitted(0));
    allowances.begin(1);
    assert_eq!(allowances.log(1, 2000), Admitted { bytes: 1024, notice });
    assert_eq!(allowances.log(1, 2000), admitted(0));
}

#[test]
fn timers_are_compared_with_those_that_wait() {
    let allowances = allowances(1, 1);
    assert!(allowances.timer(2).is_ok());
    assert_eq!(
        Error::from(allowances.timer(3).unwrap_err()).completion(),
        "RangeError: too many timers: 3 may wait at a time (`taipan.limits.timers`)"
    );
}

#[test]
fn no_limits() {
    let allowances = Allowances::default();
    assert_eq!(fetches(&allowances, 1), 1000);
    assert_eq!(allowances.log(1, usize::MAX), Admitted { bytes: usize::MAX, notice: None });
    assert!(allowances.timer(usize::MAX).is_ok() && allowances.response_body().is_none());
}

#[test]
fn as_good_as_no_limits() {
    let allowances = Allowances::new(Limits::default());
    assert_eq!(fetches(&allowances, 1), 1000);
    assert_eq!(allowances.log(1, 1 << 30), Admitted { bytes: 1 << 30, notice: None });
    assert!(allowances.timer(1 << 30).is_ok() && allowances.response_body().is_none());
}
